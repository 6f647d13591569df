//! What the bytes between the quotes of a JSON string stand for.
//!
//! Owns escapes and the search for them. Does not own where a string ends. Invariant: an escape is longer than the UTF-8
//! of what it stands for, so a string has an escape exactly when it becomes shorter.

/// The byte that a two-byte escape stands for, given its second.
#[inline]
fn short_escape(letter: u8) -> Option<u8> {
    match letter {
        b'"' | b'\\' | b'/' => Some(letter),
        b'b' => Some(0x08),
        b'f' => Some(0x0C),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}

/// Of the escape at the start of `bytes`: the bytes that write it, and its bytes in UTF-8.
#[inline]
pub(super) fn escape_lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    if short_escape(*bytes.get(1)?).is_some() {
        return Some((2, 1));
    }
    let (code, written) = unicode_escape(bytes)?;
    let decoded = match code {
        0..0x80 => 1,
        0x80..0x800 => 2,
        0x800..0x1_0000 => 3,
        _ => 4,
    };
    Some((written, decoded))
}

/// The code point (perhaps a lone surrogate) of the `\u` escape at the start of `bytes`, and the bytes that write it;
/// two that make a surrogate pair are one.
fn unicode_escape(bytes: &[u8]) -> Option<(u32, usize)> {
    let unit = code_unit(bytes)?;
    let low = || bytes.get(6..).and_then(code_unit).filter(|low| (0xDC00..0xE000).contains(low));
    match unit {
        0xD800..0xDC00 if let Some(low) = low() => {
            Some((0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12))
        }
        _ => Some((unit, 6)),
    }
}

fn code_unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| Some((unit << 4) | char::from(*digit).to_digit(16)?))
}

const WORD: usize = size_of::<u64>();
const BLOCK: usize = 64;

/// Bytes before the first quote, backslash or control character.
#[inline]
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Most strings are names and short words; only a longer one is worth the set-up of the vector loop.
    while let Some(word) = bytes[at..].first_chunk::<WORD>() {
        let specials = specials(u64::from_le_bytes(*word));
        if specials != 0 {
            return at + (specials.trailing_zeros() / 8) as usize;
        }
        at += WORD;
        if at == 2 * WORD {
            at += plain_blocks(&bytes[at..]);
        }
    }
    at + bytes[at..].iter().take_while(|byte| !is_special(**byte)).count()
}

/// Bytes in whole blocks that hold nothing special; written so that the compiler makes vector instructions of it.
#[inline]
fn plain_blocks(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let plain = |block: &[u8; BLOCK]| !block.iter().fold(false, |any, byte| any | is_special(*byte));
    blocks.iter().take_while(|block| plain(block)).count() * BLOCK
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of each special byte. Bits above the lowest one set can be false, as a borrow runs upwards.
fn specials(word: u64) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x01; WORD]);
    const HIGH: u64 = u64::from_le_bytes([0x80; WORD]);
    let below = |word: u64, bound: u64| word.wrapping_sub(LOW * bound) & !word & HIGH;
    let equal = |byte: u8| below(word ^ (LOW * u64::from(byte)), 1);
    below(word, 0x20) | equal(b'"') | equal(b'\\')
}

/// What to write for a surrogate that has no partner.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lone {
    /// U+FFFD, so that the result is UTF-8.
    Replaced,
    /// Its own three bytes, so that different strings stay different.
    Kept,
}

/// Append what a string's bytes (between its quotes, walked over before) stand for.
pub(super) fn unescape(mut raw: &[u8], lone: Lone, out: &mut Vec<u8>) {
    loop {
        let (plain, rest) = raw.split_at(plain_run(raw));
        out.extend_from_slice(plain);
        let Some(letter) = rest.get(1) else { return };
        if let Some(byte) = short_escape(*letter) {
            out.push(byte);
            raw = &rest[2..];
            continue;
        }
        let Some((code, written)) = unicode_escape(rest) else { return };
        match char::from_u32(code) {
            Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            None if lone == Lone::Replaced => out.extend_from_slice("\u{FFFD}".as_bytes()),
            None => {
                let tail = |shift: u32| 0x80 | ((code >> shift) & 0x3F) as u8;
                out.extend_from_slice(&[0xE0 | (code >> 12) as u8, tail(6), tail(0)]);
            }
        }
        raw = &rest[written..];
    }
}
