//! Cuts a piece of a script without spaces where no token can span.
//!
//! A run of Chinese is one piece, but few pairs of characters occur in any token. Where a pair does not, nothing ever
//! merges across, so the piece's tokens are those of its parts, and most parts are tokens. Within a part, no
//! token may span two characters but hold only one of them whole: then each character is merged before anything merges
//! across its ends (a rank is above those of its two parts), and merging can start from characters instead of bytes.
//! Invariant: the sum over the parts is the count of the whole; a filter that says "may" too often costs only time.

use super::{
    classes::decode,
    layout::FIRST_WIDE,
    merge::Parts,
    vocabulary::{Vocabulary, Wide},
};

impl Vocabulary {
    /// The number of tokens of a piece.
    #[inline]
    pub(super) fn count_piece(&self, piece: &[u8]) -> usize {
        if piece.len() == 1 {
            1
        } else if piece.iter().any(|byte| *byte >= 0xE0) {
            self.count_wide(piece)
        } else {
            self.count_part(piece)
        }
    }

    fn count_part(&self, part: &[u8]) -> usize {
        if self.has(part) { 1 } else { self.merged(part) }
    }

    fn count_wide(&self, piece: &[u8]) -> usize {
        let (mut left, mut at) = decode(piece, 0);
        let mut count = 0;
        let mut start = 0;
        let mut alone = true;
        let mut splits = false;
        while at < piece.len() {
            let (right, next) = decode(piece, at);
            let may_split =
                left.max(right) < FIRST_WIDE || self.may_split(left, piece[at - 1], right, piece[at]);
            if may_split || self.may_join(left, right) {
                alone = false;
                splits |= may_split;
            } else {
                count += self.count_cut(&piece[start..at], left, alone, splits);
                (start, alone, splits) = (at, true, false);
            }
            (left, at) = (right, next);
        }
        count + self.count_cut(&piece[start..], left, alone, splits)
    }

    /// The tokens of a part: of its `last` character if that is `alone` in it.
    #[inline]
    fn count_cut(&self, part: &[u8], last: u32, alone: bool, splits: bool) -> usize {
        if alone {
            match self.wide(last) {
                Wide::Token(_) => return 1,
                Wide::Tokens(tokens) => return tokens,
                Wide::Unknown => {}
            }
        }
        if self.has(part) {
            1
        } else if splits {
            self.merged(part)
        } else {
            self.merged_characters(part).unwrap_or_else(|| self.merged(part))
        }
    }

    /// Merges from characters on; `None` if they are not all tokens, or too many.
    fn merged_characters(&self, part: &[u8]) -> Option<usize> {
        const FEW: usize = 15;
        let mut ids = [0; FEW];
        let (mut chars, mut at) = (0, 0);
        while at < part.len() {
            let (code, next) = decode(part, at);
            let Wide::Token(id) = self.wide(code) else { return None };
            *ids.get_mut(chars)? = id;
            chars += 1;
            at = next;
        }
        Some(Parts::<{ FEW + 1 }>::of_tokens(self, &ids[..chars]).merged(self).count_ones() as usize)
    }
}
