//! Reading events out of a stream.
//!
//! Owns what an event is to a client. Does not decode text: names and data are bytes, cut at no place but their ends.
//! Invariant: the events are those of the WHATWG algorithm, for every way the bytes are cut.

use std::borrow::Cow;

use super::{
    Bounds, FrameError,
    fields::Fields,
    split::{Kind, Splitter},
};

/// One event, as a client would be given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// Value of its `event` field; empty without one.
    pub name: &'a [u8],
    /// Values of its `data` fields, joined by LF.
    pub data: Cow<'a, [u8]>,
}

/// An incremental reader of one stream.
#[derive(Debug)]
pub struct SseReader {
    splitter: Splitter,
}

impl SseReader {
    pub fn new(bounds: Bounds) -> Self {
        Self { splitter: Splitter::new(bounds) }
    }

    /// Take in `chunk` and hand each event that it completes to `take`, also those before an error.
    ///
    /// What is not closed by a blank line when the stream ends is no event, as the standard has it.
    pub fn feed(&mut self, mut chunk: &[u8], mut take: impl FnMut(SseEvent<'_>)) -> Result<(), FrameError> {
        while let Some(piece) = self.splitter.next(&mut chunk)? {
            if piece.kind != Kind::Event {
                continue;
            }
            let fields = Fields::of(piece.bytes, piece.first_line);
            if let Some(data) = fields.data.joined(piece.bytes) {
                take(SseEvent { name: fields.name, data });
            }
        }
        Ok(())
    }
}
