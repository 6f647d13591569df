//! Byte pair encoding of a piece that is no token itself, as a count.
//!
//! Owns the merging: the pair of lowest rank first, the leftmost of equals, until nothing merges. Does not own the
//! vocabulary. Invariant: the count is what that definition gives, in time that grows linearly with the piece.
//!
//! A long piece is merged window by window. That is exact because of two facts about byte pair encoding. Between two
//! boundaries of an encoding, the tokens are the encoding of the bytes there, whatever is outside. And a sequence of
//! tokens is the encoding of its text if each two neighbours are the encoding of theirs: the first merge across one of
//! the boundaries would also be made in the encoding of those two. So two windows may be joined at a token that
//! both hold, if it is the first of the later one.

use super::{
    layout::NO_ID,
    vocabulary::{NEVER, Vocabulary},
};

/// The most parts that are merged at once: one less than the bits of a word.
const WINDOW: usize = 63;

/// At most `N - 1` adjacent parts on their way to tokens. The last place is never a part, so that what is beyond an end
/// can be looked at without asking whether it is there.
pub(super) struct Parts<const N: usize> {
    /// The token of the part that starts at a place.
    ids: [u32; N],
    /// What that part and the next would merge to, as [`due`] packs it.
    merges: [i32; N],
    /// The places where parts start, as bits.
    starts: u64,
}

impl<const N: usize> Parts<N> {
    const BEYOND: usize = N - 1;

    #[inline]
    fn of_bytes(vocabulary: &Vocabulary, piece: &[u8]) -> Self {
        let mut parts = Self::empty(piece.len());
        for (id, byte) in parts.ids.iter_mut().zip(piece) {
            *id = vocabulary.byte(*byte);
        }
        for (at, two) in piece.windows(2).enumerate().take(Self::BEYOND) {
            parts.merges[at] = due(vocabulary.byte_pair(two[0], two[1]), at);
        }
        parts
    }

    /// Parts that are whole tokens already.
    #[inline]
    pub(super) fn of_tokens(vocabulary: &Vocabulary, tokens: &[u32]) -> Self {
        let mut parts = Self::empty(tokens.len());
        for (id, token) in parts.ids.iter_mut().zip(tokens) {
            *id = *token;
        }
        for (at, two) in tokens.windows(2).enumerate().take(Self::BEYOND) {
            parts.merges[at] = due(vocabulary.pair(two[0], two[1]), at);
        }
        parts
    }

    #[inline]
    fn empty(len: usize) -> Self {
        Self { ids: [NO_ID; N], merges: [NEVER; N], starts: !(u64::MAX << len) }
    }

    /// Merge what merges; the bits of the places where tokens start.
    #[inline]
    pub(super) fn merged(mut self, vocabulary: &Vocabulary) -> u64 {
        let mut first = least(&self.merges);
        while first != NEVER {
            let at = first.cast_unsigned() as usize & 63;
            let merged = first.cast_unsigned() >> 6;
            let right = self.next(at);
            self.starts &= !(1 << right);
            let (before, after) = (self.previous(at), self.next(at));
            // The least of the others is found while the two look-ups wait for memory.
            (self.merges[before], self.merges[at], self.merges[right]) = (NEVER, NEVER, NEVER);
            let others = least(&self.merges);
            self.ids[at] = merged;
            self.merges[at] = due(vocabulary.pair(merged, self.ids[after]), at);
            self.merges[before] = due(vocabulary.pair(self.ids[before], merged), before);
            first = others.min(self.merges[at]).min(self.merges[before]);
        }
        self.starts
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        let above = self.starts & (u64::MAX << 1 << at);
        (above.trailing_zeros() as usize).min(Self::BEYOND)
    }

    #[inline]
    fn previous(&self, at: usize) -> usize {
        let below = self.starts & !(u64::MAX << at);
        below.checked_ilog2().map_or(Self::BEYOND, |bit| bit as usize)
    }
}

impl Vocabulary {
    /// The number of tokens of `piece`.
    pub(super) fn merged(&self, piece: &[u8]) -> usize {
        match piece.len() {
            0..=1 => piece.len(),
            2..16 => Parts::<16>::of_bytes(self, piece).merged(self).count_ones() as usize,
            16..32 => Parts::<32>::of_bytes(self, piece).merged(self).count_ones() as usize,
            32..=WINDOW => self.merged_window(piece).count_ones() as usize,
            _ => self.merged_long(piece),
        }
    }

    fn merged_window(&self, window: &[u8]) -> u64 {
        Parts::<{ WINDOW + 1 }>::of_bytes(self, window).merged(self)
    }

    /// Windows are as wide as it takes to join them: how far a token can depend on what follows is bounded by the
    /// vocabulary, so they stop to grow.
    fn merged_long(&self, piece: &[u8]) -> usize {
        let mut count = 0;
        let (mut start, mut size) = (0, WINDOW);
        let mut window = self.starts(piece, start, size);
        while start + size < piece.len() {
            if let Some((before, next)) = self.joined(piece, &window, size) {
                count += before;
                start = window[before];
                window = next;
                continue;
            }
            size *= 2;
            let wider = self.starts(piece, start, size);
            if start > 0 && wider.get(1) != window.get(1) {
                // It begins with another token than the one it was joined at, so what was counted may be wrong.
                (count, start) = (0, 0);
                window = self.starts(piece, start, size);
            } else {
                window = wider;
            }
        }
        count + window.len()
    }

    /// The window that starts at a token of `window`, if it begins with that token, and the number of those before it.
    fn joined(&self, piece: &[u8], window: &[usize], size: usize) -> Option<(usize, Vec<usize>)> {
        // Not near the cut on the right, which may have changed the last tokens.
        let latest = window.first()? + size - size / 4;
        let before = window.partition_point(|at| *at <= latest).saturating_sub(1);
        let end = window.get(before + 1).filter(|_| before > 0)?;
        let (now, then) = (piece.get(*window.first()?..)?, piece.get(window[before]..)?);
        let next = if then.starts_with(&now[..size]) {
            let shift = window[before] - window[0];
            window.iter().map(|at| at + shift).collect() // the same bytes have the same tokens
        } else {
            self.starts(piece, window[before], size)
        };
        (next.get(1) == Some(end)).then_some((before, next))
    }

    /// Where the tokens of the `size` bytes from `start` on (or what is left) start.
    fn starts(&self, piece: &[u8], start: usize, size: usize) -> Vec<usize> {
        let rest = piece.get(start..).unwrap_or_default();
        let window = &rest[..size.min(rest.len())];
        if window.len() > WINDOW {
            return Line::of_bytes(self, window).merged(self).map(|at| start + at).collect();
        }
        let mut bits = self.merged_window(window);
        let mut starts = Vec::with_capacity(WINDOW);
        while bits != 0 {
            starts.push(start + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
        starts
    }
}

/// Any number of adjacent parts on their way to tokens.
struct Line {
    /// The token of the part that starts at a place.
    ids: Vec<u32>,
    /// What that part and the next would merge to.
    ranks: Vec<i32>,
    /// No rank of the `block` ranks of each block is below this.
    floors: Vec<i32>,
    block: usize,
    /// Where the next part starts; of a place that is no start any more, itself.
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl Line {
    fn of_bytes(vocabulary: &Vocabulary, window: &[u8]) -> Self {
        let len = window.len();
        let block = len.isqrt().next_multiple_of(16);
        let mut ranks: Vec<i32> =
            window.windows(2).map(|two| vocabulary.byte_pair(two[0], two[1])).chain([NEVER]).collect();
        ranks.resize(len.next_multiple_of(block), NEVER);
        Self {
            ids: window.iter().map(|byte| vocabulary.byte(*byte)).collect(),
            floors: ranks.chunks(block).map(least).collect(),
            ranks,
            block,
            next: (1..=len).collect(),
            previous: (0..len).map(|at| at.saturating_sub(1)).collect(),
        }
    }

    /// Merge what merges; the places where tokens start.
    fn merged(mut self, vocabulary: &Vocabulary) -> impl Iterator<Item = usize> {
        loop {
            let rank = least(&self.floors);
            if rank == NEVER {
                return (0..self.next.len()).filter(move |at| self.next[*at] != *at);
            }
            // A merge makes pairs of higher rank only, so all of this rank are there, and are taken from the left.
            for block in 0..self.floors.len() {
                if self.floors[block] == rank {
                    let places = block * self.block..(block + 1) * self.block;
                    for at in places.clone() {
                        if self.ranks[at] == rank {
                            self.merge(vocabulary, at);
                        }
                    }
                    self.floors[block] = least(&self.ranks[places]);
                }
            }
        }
    }

    fn merge(&mut self, vocabulary: &Vocabulary, at: usize) {
        let right = self.next[at];
        let after = self.next[right];
        self.ids[at] = self.ranks[at].cast_unsigned();
        self.next[at] = after;
        self.next[right] = right;
        self.ranks[right] = NEVER;
        self.ranks[at] = NEVER;
        if after < self.ids.len() {
            self.previous[after] = at;
            self.set(at, vocabulary.pair(self.ids[at], self.ids[after]));
        }
        if at > 0 {
            let before = self.previous[at];
            self.set(before, vocabulary.pair(self.ids[before], self.ids[at]));
        }
    }

    fn set(&mut self, at: usize, rank: i32) {
        self.ranks[at] = rank;
        let floor = &mut self.floors[at / self.block];
        *floor = rank.min(*floor);
    }
}

#[inline]
fn least(ranks: &[i32]) -> i32 {
    ranks.iter().copied().fold(NEVER, i32::min)
}

/// A merge at a place: the least of these is the next one, the leftmost of equal rank.
#[inline]
fn due(rank: i32, at: usize) -> i32 {
    if rank == NEVER { NEVER } else { rank << 6 | (at as u32).cast_signed() }
}
