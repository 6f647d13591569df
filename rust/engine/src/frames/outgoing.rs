//! The bytes that go on, with edits put in.
//!
//! Owns copying, and above all not copying: what needs no edit and lies in one piece in the chunk stays there.
//! Invariant: what goes on is what was given, in that order.

use std::{borrow::Cow, ops::Range};

/// Bytes of an event's joined data to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    /// Not empty.
    pub(super) at: Range<usize>,
    pub(super) with: &'a [u8],
}

/// What goes on of one chunk.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    chunk: &'a [u8],
    /// The part of the chunk that goes on as it is; void once there is a copy.
    run: Range<usize>,
    copy: Option<Vec<u8>>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn of(chunk: &'a [u8]) -> Self {
        Self { chunk, run: 0..0, copy: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.run.is_empty() && self.copy.as_ref().is_none_or(Vec::is_empty)
    }

    /// Hand on a part of the chunk.
    pub(super) fn keep(&mut self, part: Range<usize>) {
        if self.copy.is_none() && self.run.is_empty() {
            self.run = part;
        } else if self.copy.is_none() && self.run.end == part.start {
            self.run.end = part.end;
        } else {
            let chunk = self.chunk;
            self.push(&chunk[part]);
        }
    }

    /// Hand on bytes from elsewhere.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (chunk, run) = (self.chunk, &self.run);
        let copy = self.copy.get_or_insert_with(|| {
            let mut copy = Vec::with_capacity(chunk.len() + bytes.len());
            copy.extend_from_slice(&chunk[run.clone()]);
            copy
        });
        copy.extend_from_slice(bytes);
    }

    /// Hand on a frame with edits of its data, whose values lie at `values`; the edits are in order and apart.
    ///
    /// An edit across lines is made in each of them, so that the lines stay and only bytes within values change.
    pub(super) fn splice(&mut self, frame: &[u8], values: &[Range<usize>], edits: &[Edit<'_>]) {
        let mut done = 0;
        let mut joined = 0; // where the value starts in the joined data
        let mut edits = edits;
        for value in values {
            // What lies wholly before this line is done with: each edit is looked at once a line it touches.
            edits = &edits[edits.partition_point(|edit| edit.at.end <= joined)..];
            for edit in edits.iter().take_while(|edit| edit.at.start < joined + value.len()) {
                let start = edit.at.start.max(joined);
                let end = edit.at.end.min(joined + value.len());
                if start >= end {
                    continue;
                }
                self.push(&frame[done..value.start + (start - joined)]);
                if start == edit.at.start {
                    self.push(edit.with);
                }
                done = value.start + (end - joined);
            }
            joined += value.len() + 1;
        }
        self.push(&frame[done..]);
    }

    pub(super) fn bytes(self) -> Cow<'a, [u8]> {
        match self.copy {
            Some(copy) => Cow::Owned(copy),
            None => Cow::Borrowed(&self.chunk[self.run]),
        }
    }
}
