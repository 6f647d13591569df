//! Surgical edits of a JSON text: a few stretches are replaced, every other byte stays as it is.

use std::{iter::once, ops::Range};

/// One stretch of the text and what takes its place; an empty stretch inserts.
#[derive(Clone, Debug)]
pub(super) struct Splice {
    pub at: Range<usize>,
    pub text: String,
}

/// A text with its edits, not yet written out.
#[derive(Clone, Debug)]
pub struct Edited<'a> {
    original: &'a [u8],
    /// In order, none reaching into the next.
    splices: Vec<Splice>,
}

impl<'a> Edited<'a> {
    /// `splices` replace stretches that do not overlap; those at the same place keep their order.
    pub(super) fn new(original: &'a [u8], mut splices: Vec<Splice>) -> Self {
        splices.sort_by_key(|splice| splice.at.start);
        Self { original, splices }
    }

    /// Whether every byte is the original's, so that the original can be used.
    pub fn is_unchanged(&self) -> bool {
        self.splices.is_empty()
    }

    /// The result in order, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = once(0).chain(self.splices.iter().map(|splice| splice.at.end));
        let ends = self.splices.iter().map(|splice| splice.at.start).chain(once(self.original.len()));
        let kept = starts.zip(ends).map(|(start, end)| &self.original[start..end]);
        let texts = self.splices.iter().map(|splice| splice.text.as_bytes()).chain(once(&[][..]));
        kept.zip(texts).flat_map(|(kept, text)| [kept, text])
    }

    /// Bytes of the result.
    pub fn len(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    /// Whether the result has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.pieces().for_each(|piece| bytes.extend_from_slice(piece));
        bytes
    }
}

/// `text` as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
