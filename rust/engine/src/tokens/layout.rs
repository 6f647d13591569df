//! The layout of the vocabulary tables: what the build script writes and the engine reads, in one place.
//!
//! Compiled into both. Invariant: everything here is a pure function of bytes and integers, little-endian wherever it
//! meets a file, so that a table built on one machine is read the same on another.

/// Character classes, as far as the split rules tell them apart. A character has one of these, or `NEWLINE | SPACE`.
pub mod class {
    /// `\p{Lu}` and `\p{Lt}`.
    pub const UPPER: u8 = 1;
    /// `\p{Ll}`.
    pub const LOWER: u8 = 2;
    /// `\p{Lm}` and `\p{Lo}`.
    pub const CASELESS: u8 = 4;
    /// `\p{M}`.
    pub const MARK: u8 = 8;
    /// `\p{N}`.
    pub const NUMBER: u8 = 16;
    /// `\s`.
    pub const SPACE: u8 = 32;
    /// `[\r\n]`.
    pub const NEWLINE: u8 = 64;
}

/// Tokens of at most this many bytes are keyed by [`short_key`].
pub const SHORT_BYTES: usize = 7;
/// Longer tokens of at most this many bytes are keyed by [`middle_key`].
pub const MIDDLE_BYTES: usize = 15;
/// Bits of a token id; ids are ranks.
pub const ID_BITS: u32 = 18;
/// Bytes of a bucket, the unit of hashing: a cache line, looked at as a whole. An entry that finds its bucket full goes
/// into the next one that is not, so a bucket whose last slot is unused ends the search.
pub const BUCKET_BYTES: usize = 64;
/// Buckets that follow the addressed ones, so that a search never has to wrap around.
pub const SPILL_BUCKETS: usize = 8;
/// An unused slot of the pair table; no packed pair has its top bits set.
pub const NO_PAIR: u64 = u64::MAX;
/// An id no token has, so that nothing merges with it.
pub const NO_ID: u32 = (1 << ID_BITS) - 1;
/// Size of the filter of the character pairs that occur inside tokens: one bit in 60 is set, or fewer.
pub const BIGRAM_BITS: u32 = 20;
/// Size of the filter of the character pairs that occur inside tokens, but not both whole.
pub const FRAGMENT_BITS: u32 = 16;
/// Code points per block of the class table.
pub const CLASS_BLOCK: usize = 128;
/// The first character that takes three bytes in UTF-8. Scripts from here on are cut into segments.
pub const FIRST_WIDE: u32 = 0x800;

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND_MULTIPLIER: u64 = 0xD6E8_FEB8_6659_FD93;

/// The key of a token of 1 to 7 bytes: its bytes, and its length on top. Never 0, which marks an unused slot.
#[inline]
pub fn short_key(window: u64, len: usize) -> u64 {
    let bits = 8 * len as u32;
    (window & !(u64::MAX << bits)) | ((len as u64) << 56)
}

/// The key of a token of 8 to 15 bytes, of its first 8 bytes and its last 8: low half first.
#[inline]
pub fn middle_key(first: u64, last: u64, len: usize) -> (u64, u64) {
    let overlap = 8 * (16 - len as u32);
    (first, last.checked_shr(overlap).unwrap_or(0) | ((len as u64) << 56))
}

/// One step of the hash of a token of any length.
#[inline]
pub fn fold(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word ^ SECOND_MULTIPLIER) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of a token longer than [`MIDDLE_BYTES`].
pub fn long_hash(token: &[u8]) -> u64 {
    let (words, tail) = token.as_chunks::<8>();
    let state = words.iter().fold(token.len() as u64, |state, word| fold(state, u64::from_le_bytes(*word)));
    tail.iter().fold(state, |state, byte| fold(state, u64::from(*byte)))
}

/// A slot of the table of long tokens: 32 bits of the hash, where its bytes start in the blob, and their number.
#[inline]
pub fn long_slot(hash: u64, start: usize, len: usize) -> u64 {
    (hash << 32) | ((start as u64) << 8) | len as u64
}

/// What two adjacent tokens are looked up by. A slot of the pair table is this, and what they merge to in the low bits.
#[inline]
pub fn pair_key(left: u32, right: u32) -> u64 {
    (u64::from(left) << (2 * ID_BITS)) | (u64::from(right) << ID_BITS)
}

/// Spreads a key over the top bits of the result.
#[inline]
pub fn spread(key: u64) -> u64 {
    key.wrapping_mul(MULTIPLIER)
}

/// As [`spread`], for the key of a token of middle length.
#[inline]
pub fn spread_middle(low: u64, high: u64) -> u64 {
    spread(low ^ high.wrapping_mul(SECOND_MULTIPLIER).rotate_right(32))
}

/// The first bucket to look at in a table of `buckets` addressed buckets.
#[inline]
pub fn bucket_of(hash: u64, buckets: usize) -> usize {
    ((u128::from(hash) * buckets as u128) >> 64) as usize
}

/// The bit of the filter for two adjacent characters that are whole in a token.
#[inline]
pub fn bigram_bit(left: u32, right: u32) -> usize {
    (spread((u64::from(left) << 21) | u64::from(right)) >> (64 - BIGRAM_BITS)) as usize
}

/// The bit of the filter for two adjacent characters of which one or both are not whole in a token. Of the left one that
/// is not, the last byte is told; of the right one, the first.
#[inline]
pub fn fragment_bit(left: Fragment, right: Fragment) -> usize {
    let word = |side: Fragment| match side {
        Fragment::Whole(code) => u64::from(code) << 9,
        Fragment::Part(byte) => u64::from(byte) | 0x100,
    };
    (spread((word(left) << 32) | word(right)) >> (64 - FRAGMENT_BITS)) as usize
}

/// What a token holds of a character at one of its ends.
#[derive(Clone, Copy)]
pub enum Fragment {
    Whole(u32),
    Part(u8),
}
