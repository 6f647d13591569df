//! The tokens of an encoding and what merges into what, read in place from tables made at build time.
//!
//! Owns the look-ups. Does not own how text is split or merged. Invariant: every answer is exact: a slot is believed
//! only when all bytes (or both ids) agree; the tables are constants of the program, shared by all its processes and
//! paged in as they are used.

use super::layout::{
    BUCKET_BYTES, FIRST_WIDE, Fragment, ID_BITS, MIDDLE_BYTES, NO_ID, NO_PAIR, SHORT_BYTES, SPILL_BUCKETS,
    bigram_bit, bucket_of, fragment_bit, long_hash, long_slot, middle_key, pair_key, short_key, spread,
    spread_middle,
};

/// The rank of what does not merge. Ranks are signed because the least of many signed ones is faster to find.
pub(super) const NEVER: i32 = i32::MAX;

/// Tables of one encoding; `build.rs` describes each.
pub(super) struct Vocabulary {
    pub(super) short: &'static [[[u8; 8]; BUCKET_BYTES / 8]],
    pub(super) middle: &'static [[[u8; 16]; BUCKET_BYTES / 16]],
    pub(super) long: &'static [[[u8; 8]; BUCKET_BYTES / 8]],
    pub(super) blob: &'static [u8],
    pub(super) pairs: &'static [[[u8; 8]; BUCKET_BYTES / 8]],
    pub(super) bytes: &'static [[u8; 4]],
    pub(super) byte_pairs: &'static [[u8; 4]],
    pub(super) bigrams: &'static [u8],
    pub(super) fragments: &'static [u8],
    pub(super) wide: &'static [[u8; 4]],
}

/// How a character from U+0800 on stands in a vocabulary.
#[derive(Clone, Copy)]
pub(super) enum Wide {
    /// It is this token.
    Token(u32),
    /// It is that many tokens, if it stands alone.
    Tokens(usize),
    /// It is not in the basic plane.
    Unknown,
}

/// Makes buckets start at cache lines, so that none lies on two.
#[repr(C, align(64))]
pub(super) struct Aligned<T: ?Sized>(pub(super) T);

/// The tables `build.rs` wrote under a name.
macro_rules! vocabulary {
    ($name:literal) => {{
        macro_rules! part {
            ($part:literal) => {{
                static PART: &Aligned<[u8]> =
                    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".", $part)));
                &PART.0
            }};
        }
        Vocabulary {
            short: part!("short").as_chunks().0.as_chunks().0,
            middle: part!("middle").as_chunks().0.as_chunks().0,
            long: part!("long").as_chunks().0.as_chunks().0,
            blob: part!("blob"),
            pairs: part!("pairs").as_chunks().0.as_chunks().0,
            bytes: part!("bytes").as_chunks().0,
            byte_pairs: part!("byte_pairs").as_chunks().0,
            bigrams: part!("bigrams"),
            fragments: part!("fragments"),
            wide: part!("wide").as_chunks().0,
        }
    }};
}
pub(super) use vocabulary;

impl Vocabulary {
    /// Whether `piece` is a token.
    #[inline]
    pub(super) fn has(&self, piece: &[u8]) -> bool {
        let len = piece.len();
        if len <= SHORT_BYTES {
            self.has_short(short_key(load(piece, 0), len))
        } else if len <= MIDDLE_BYTES {
            self.has_middle(middle_key(load(piece, 0), load(piece, len - 8), len))
        } else {
            self.has_long(piece)
        }
    }

    #[inline]
    pub(super) fn has_short(&self, key: u64) -> bool {
        for bucket in search(self.short, spread(key)) {
            if bucket.iter().fold(false, |found, slot| found | (u64::from_le_bytes(*slot) == key)) {
                return true;
            }
            if bucket[bucket.len() - 1] == [0; 8] {
                break;
            }
        }
        false
    }

    #[inline]
    pub(super) fn has_middle(&self, (low, high): (u64, u64)) -> bool {
        let key = u128::from(low) | (u128::from(high) << 64);
        for bucket in search(self.middle, spread_middle(low, high)) {
            if bucket.iter().fold(false, |found, slot| found | (u128::from_le_bytes(*slot) == key)) {
                return true;
            }
            if bucket[bucket.len() - 1] == [0; 16] {
                break;
            }
        }
        false
    }

    fn has_long(&self, piece: &[u8]) -> bool {
        let len = piece.len();
        if len > usize::from(u8::MAX) {
            return false;
        }
        let hash = long_hash(piece);
        for slot in search(self.long, hash).as_flattened() {
            let slot = u64::from_le_bytes(*slot);
            let start = (slot >> 8) as usize & 0xFF_FFFF;
            if slot == long_slot(hash, start, len) && self.blob.get(start..start + len) == Some(piece) {
                return true;
            }
            if slot == 0 {
                break;
            }
        }
        false
    }

    /// The id of a byte's token.
    #[inline]
    pub(super) fn byte(&self, byte: u8) -> u32 {
        u32::from_le_bytes(self.bytes[usize::from(byte)])
    }

    /// What two bytes merge to, or [`NEVER`].
    #[inline]
    pub(super) fn byte_pair(&self, left: u8, right: u8) -> i32 {
        i32::from_le_bytes(self.byte_pairs[usize::from(left) << 8 | usize::from(right)])
    }

    /// What two tokens merge to, or [`NEVER`]. The result is also the rank of the merge.
    #[inline]
    pub(super) fn pair(&self, left: u32, right: u32) -> i32 {
        let key = pair_key(left, right);
        for bucket in search(self.pairs, spread(key)) {
            // What is left of the slot of this very pair is the merged id, less than what is left of any other.
            let rests = bucket.iter().map(|slot| u64::from_le_bytes(*slot) ^ key);
            let least = rests.fold(u64::MAX, u64::min);
            if least < 1 << ID_BITS {
                return least as i32;
            }
            if bucket[bucket.len() - 1] == NO_PAIR.to_le_bytes() {
                break;
            }
        }
        NEVER
    }

    /// Whether a token may hold two adjacent characters, at least one of them wide; `false` is certain.
    #[inline]
    pub(super) fn may_join(&self, left: u32, right: u32) -> bool {
        is_set(self.bigrams, bigram_bit(left, right))
    }

    /// Whether a token may span two adjacent characters, but not hold both; `false` is certain. `last` is the last byte of
    /// the left one, `first` the first byte of the right one.
    #[inline]
    pub(super) fn may_split(&self, left: u32, last: u8, right: u32, first: u8) -> bool {
        let is_known = |left, right| is_set(self.fragments, fragment_bit(left, right));
        is_known(Fragment::Whole(left), Fragment::Part(first))
            | is_known(Fragment::Part(last), Fragment::Whole(right))
            | is_known(Fragment::Part(last), Fragment::Part(first))
    }

    /// What a character is.
    #[inline]
    pub(super) fn wide(&self, code: u32) -> Wide {
        match self.wide.get(code.wrapping_sub(FIRST_WIDE) as usize).map(|entry| u32::from_le_bytes(*entry)) {
            None | Some(NO_ID) => Wide::Unknown,
            Some(id @ 0..NO_ID) => Wide::Token(id),
            Some(more) => Wide::Tokens((more - NO_ID) as usize),
        }
    }

    /// Read a byte of every page of the tables, so that they are in memory.
    pub(super) fn touch(&self) {
        const PAGE_BYTES: usize = 4096;
        let tables = [
            self.short.as_flattened().as_flattened(),
            self.middle.as_flattened().as_flattened(),
            self.long.as_flattened().as_flattened(),
            self.pairs.as_flattened().as_flattened(),
            self.byte_pairs.as_flattened(),
            self.wide.as_flattened(),
            self.blob,
            self.bigrams,
            self.fragments,
        ];
        let pages = tables.iter().flat_map(|table| table.iter().step_by(PAGE_BYTES));
        std::hint::black_box(pages.map(|byte| usize::from(*byte)).sum::<usize>());
    }
}

/// The buckets to look at for a hash, in order.
#[inline]
fn search<T>(table: &[T], hash: u64) -> &[T] {
    let addressed = table.len().saturating_sub(SPILL_BUCKETS);
    table.get(bucket_of(hash, addressed)..).unwrap_or_default()
}

#[inline]
fn is_set(filter: &[u8], bit: usize) -> bool {
    filter[bit / 8] & 1 << (bit % 8) != 0
}

/// The 8 bytes at `at`, zeros beyond the end, as a little-endian word.
#[inline]
pub(super) fn load(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => load_end(text, at),
    }
}

#[cold]
fn load_end(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
