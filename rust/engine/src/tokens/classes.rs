//! What the split rules need to know of a character.
//!
//! Owns the class tables, generated from the Unicode tables of the regex engine that tiktoken uses, so that both agree
//! on every character. Invariant: reading at a character's first byte always moves on by that character's length.

use super::layout::{CLASS_BLOCK, class};

static INDEX: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/classes.index"));
static BLOCKS: &[[u8; CLASS_BLOCK]] =
    include_bytes!(concat!(env!("OUT_DIR"), "/classes.blocks")).as_chunks().0;

/// The classes of ASCII: the first block.
static ASCII: &[u8; 128] = &BLOCKS[0];

/// The class of "no character": the text is over. In no set below.
pub(super) const END: u8 = 128;
/// `\p{L}`.
pub(super) const LETTER: u8 = class::UPPER | class::LOWER | class::CASELESS;
/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, how a word of o200k begins.
pub(super) const HEAD: u8 = class::UPPER | EITHER;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, how a word of o200k goes on.
pub(super) const BODY: u8 = class::LOWER | EITHER;
/// In both [`HEAD`] and [`BODY`].
pub(super) const EITHER: u8 = class::CASELESS | class::MARK;

/// The class of a code point.
#[inline]
fn class_of(code: u32) -> u8 {
    // A third of the common plane is one block of ideographs: no need to look it up.
    if (0x4E00..0xA000).contains(&code) {
        return class::CASELESS;
    }
    let code = code as usize;
    let block = INDEX.get(code / CLASS_BLOCK).map_or(0, |block| usize::from(*block));
    BLOCKS.get(block).map_or(0, |block| block[code % CLASS_BLOCK])
}

/// `[^\r\n\p{L}\p{N}]`: may lead a word.
#[inline]
pub(super) fn leads(class: u8) -> bool {
    class & (LETTER | class::NUMBER | class::NEWLINE | END) == 0
}

/// `[^\s\p{L}\p{N}]`.
#[inline]
pub(super) fn is_mark_or_symbol(class: u8) -> bool {
    class & (LETTER | class::NUMBER | class::SPACE | END) == 0
}

/// The class of the character that starts at `at`, and where the next one starts.
#[inline]
pub(super) fn class_at(text: &[u8], at: usize) -> (u8, usize) {
    match text.get(at) {
        None => (END, at),
        Some(&byte) => match ASCII.get(usize::from(byte)) {
            Some(&class) => (class, at + 1),
            None => class_beyond_ascii(text, at),
        },
    }
}

#[inline(never)]
fn class_beyond_ascii(text: &[u8], at: usize) -> (u8, usize) {
    let (code, next) = decode(text, at);
    (class_of(code), next)
}

/// The code point that starts at `at`, and where the next one starts. `text` is UTF-8 and `at` one of its characters.
#[inline]
pub(super) fn decode(text: &[u8], at: usize) -> (u32, usize) {
    let rest = |offset: usize| text.get(at + offset).map_or(0, |byte| u32::from(byte & 0x3F));
    let first = u32::from(text[at]);
    match first {
        0..0x80 => (first, at + 1),
        0x80..0xE0 => ((first & 0x1F) << 6 | rest(1), at + 2),
        0xE0..0xF0 => ((first & 0x0F) << 12 | rest(1) << 6 | rest(2), at + 3),
        _ => ((first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), at + 4),
    }
}
