//! Cuts text into the pieces that are encoded on their own.
//!
//! Owns the split rules of each encoding, written out as what a backtracking regex engine does with them, in one pass.
//! Does not own the vocabulary. Invariant: pieces are never empty and follow each other without a gap, and no
//! character is looked at more than a fixed number of times, whatever the text.

use super::{
    classes::{BODY, EITHER, HEAD, LETTER, class_at, is_mark_or_symbol, leads},
    layout::class,
    vocabulary::load,
};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How one encoding splits text.
pub(super) trait Rules {
    /// Where the piece that starts at `at` ends. `text` is UTF-8, and `at` the start of one of its characters.
    fn piece_end(text: &[u8], at: usize) -> usize;

    /// The length of the piece at `at`, if it is an ASCII word with what may lead it, and no character beyond ASCII and no
    /// apostrophe follows; else 0. `window` is the 8 bytes at `at`, with zeros past the end of the text.
    fn ascii_word(text: &[u8], at: usize, window: u64) -> usize;
}

/// ```text
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// \p{N}{1,3}
///  ?[^\s\p{L}\p{N}]+[\r\n/]*
/// \s*[\r\n]+
/// \s+(?!\S)
/// \s+
/// ```
pub(super) enum O200k {}

/// ```text
/// '(?i:[sdmt]|ll|ve|re)
/// [^\r\n\p{L}\p{N}]?+\p{L}++
/// \p{N}{1,3}+
///  ?[^\s\p{L}\p{N}]++[\r\n]*+
/// \s++$
/// \s*[\r\n]
/// \s+(?!\S)
/// \s
/// ```
pub(super) enum Cl100k {}

impl Rules for O200k {
    fn piece_end(text: &[u8], at: usize) -> usize {
        let (first, next) = class_at(text, at);
        let word = if first & class::MARK != 0 {
            // A mark may lead a word or be in it. Alone it is one, so the second pattern is never reached.
            cased_word(text, next, false).or_else(|| cased_word(text, at, false))
        } else if first & LETTER != 0 {
            cased_word(text, at, true)
        } else if leads(first) {
            cased_word(text, next, true)
        } else {
            None
        };
        if let Some(end) = word {
            return end + contraction(text, end);
        }
        if first & class::NUMBER != 0 {
            return number_end(text, next);
        }
        if let Some(end) = symbols_end(text, at) {
            return end + newlines(text, end, b'/');
        }
        let run = SpaceRun::at(text, at);
        run.through_newline.unwrap_or_else(|| run.before_word(text))
    }

    #[inline]
    fn ascii_word(text: &[u8], at: usize, window: u64) -> usize {
        let word = |window: u64, start: usize, capitals: bool| {
            let head = if capitals { run_end(in_range(window, b'A', b'Z'), start) } else { start };
            (head == 8, run_end(in_range(window, b'a', b'z'), head))
        };
        let start = usize::from(leads_word(window as u8));
        let (mut capitals, mut end) = word(window, start, true);
        if end == start {
            return 0;
        }
        let mut window = window;
        let mut len = 0;
        while end == 8 {
            len += 8;
            window = load(text, at + len);
            (capitals, end) = word(window, 0, capitals);
        }
        if ends_plainly(window, end) { len + end } else { 0 }
    }
}

impl Rules for Cl100k {
    fn piece_end(text: &[u8], at: usize) -> usize {
        let suffix = contraction(text, at);
        if suffix > 0 {
            return at + suffix;
        }
        let (first, next) = class_at(text, at);
        let start = if leads(first) { next } else { at };
        let end = run(text, start, |class| class & LETTER != 0);
        if end > start {
            return end;
        }
        if first & class::NUMBER != 0 {
            return number_end(text, next);
        }
        if let Some(end) = symbols_end(text, at) {
            return end + newlines(text, end, b'\n');
        }
        let run = SpaceRun::at(text, at);
        if run.end == text.len() {
            return run.end;
        }
        run.through_newline.unwrap_or_else(|| run.before_word(text))
    }

    #[inline]
    fn ascii_word(text: &[u8], at: usize, window: u64) -> usize {
        let letters = |window: u64| in_range(window | (ONES << 5), b'a', b'z') & !window;
        let start = usize::from(leads_word(window as u8));
        let mut end = run_end(letters(window), start);
        if end == start || window as u8 == b'\'' {
            return 0;
        }
        let mut window = window;
        let mut len = 0;
        while end == 8 {
            len += 8;
            window = load(text, at + len);
            end = run_end(letters(window), 0);
        }
        if ends_plainly(window, end) { len + end } else { 0 }
    }
}

/// A maximal run of white space.
struct SpaceRun {
    start: usize,
    end: usize,
    /// The end of the run's last newline.
    through_newline: Option<usize>,
    /// Where its last character starts.
    last: usize,
}

impl SpaceRun {
    fn at(text: &[u8], start: usize) -> Self {
        let mut run = Self { start, end: start, through_newline: None, last: start };
        loop {
            let (class, next) = class_at(text, run.end);
            if class & class::SPACE == 0 {
                return run;
            }
            if class & class::NEWLINE != 0 {
                run.through_newline = Some(next);
            }
            (run.last, run.end) = (run.end, next);
        }
    }

    /// `\s+(?!\S)|\s+`: all of it at the end of the text, else all but the last character, which leads what follows.
    fn before_word(&self, text: &[u8]) -> usize {
        if self.end == text.len() || self.last == self.start { self.end } else { self.last }
    }
}

/// The end of a word that starts at `at`, by the first pattern of o200k, or by the second one if `capitals` are enough.
fn cased_word(text: &[u8], at: usize, capitals: bool) -> Option<usize> {
    let mut head = at;
    // Without a lower-case letter behind the head, the first pattern gives back all after the last character that can
    // be of the body.
    let mut given_back = None;
    loop {
        let (class, next) = class_at(text, head);
        if class & class::LOWER != 0 {
            return Some(run(text, next, |class| class & BODY != 0));
        }
        if class & HEAD == 0 {
            break;
        }
        if class & EITHER != 0 {
            given_back = Some(next);
        }
        head = next;
    }
    given_back.or((capitals && head > at).then_some(head))
}

/// The length of `'(?i:[sdmt]|ll|ve|re)` at `at`, or 0. An ſ (C5 BF) is an s to a regex engine that ignores case.
fn contraction(text: &[u8], at: usize) -> usize {
    let Some([b'\'', rest @ ..]) = text.get(at..) else { return 0 };
    match rest {
        [b's' | b'S' | b'd' | b'D' | b'm' | b'M' | b't' | b'T', ..] => 2,
        [b'l' | b'L', b'l' | b'L', ..] | [b'v' | b'V' | b'r' | b'R', b'e' | b'E', ..] | [0xC5, 0xBF, ..] => 3,
        _ => 0,
    }
}

fn run(text: &[u8], mut at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    loop {
        let (class, next) = class_at(text, at);
        if !belongs(class) {
            return at;
        }
        at = next;
    }
}

/// The end of a number whose first digit ends at `at`.
fn number_end(text: &[u8], at: usize) -> usize {
    let (second, after) = class_at(text, at);
    if second & class::NUMBER == 0 {
        return at;
    }
    let (third, end) = class_at(text, after);
    if third & class::NUMBER == 0 { after } else { end }
}

/// ` ?[^\s\p{L}\p{N}]+`
fn symbols_end(text: &[u8], at: usize) -> Option<usize> {
    let start = at + usize::from(text.get(at) == Some(&b' '));
    let end = run(text, start, is_mark_or_symbol);
    (end > start).then_some(end)
}

/// The length of a run of newlines, and of `other`.
fn newlines(text: &[u8], at: usize, other: u8) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n') || **byte == other).count()
}

/// Whether an ASCII byte is in `[^\r\n\p{L}\p{N}]`. Bytes of longer characters are said not to be: no matter, no word
/// of ASCII starts with one.
#[inline]
fn leads_word(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || byte == b'\r' || byte == b'\n' || !byte.is_ascii())
}

/// The top bit of each byte that is ASCII and in `first..=last`.
#[inline]
fn in_range(window: u64, first: u8, last: u8) -> u64 {
    let low = window & !HIGH;
    let at_least = low + ONES * u64::from(0x80 - first);
    let beyond = low + ONES * u64::from(0x7F - last);
    at_least & !beyond & !window & HIGH
}

/// Where the run of marked bytes that starts at `start`, at most 8, ends.
#[inline]
fn run_end(marked: u64, start: usize) -> usize {
    let stops = !marked & HIGH & u64::MAX.checked_shl(8 * start as u32).unwrap_or(0);
    (stops.trailing_zeros() / 8) as usize
}

/// Whether the byte at `end` shows that a word ends there: it is in the window, ASCII and no apostrophe.
#[inline]
fn ends_plainly(window: u64, end: usize) -> bool {
    let byte = (window >> (8 * end)) as u8;
    byte.is_ascii() && byte != b'\''
}
