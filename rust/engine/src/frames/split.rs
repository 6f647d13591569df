//! Where one piece of an event stream ends and the next begins.
//!
//! Owns the line endings (LF, CR, CRLF), the byte order mark, the bounds, and the bytes of a piece that is not whole
//! yet. Does not know what fields mean. Invariant: the pieces, joined, are the bytes that came in; a piece is cut as
//! soon as it is whole, so a CR that closes an event does not wait to see whether an LF follows.

use super::{Bounds, FrameError};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Held bytes beyond this are given back to the allocator once their piece is done.
const KEPT_CAPACITY: usize = 16 * 1024;

/// What a piece of the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines with fields, and the blank line that closes them.
    Event,
    /// No event: a comment or a blank line outside of one, or the byte order mark.
    Aside,
    /// The LF of a CRLF whose CR closed the piece before, which it belongs to.
    Remainder,
}

/// A whole piece of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) kind: Kind,
    pub(super) bytes: &'a [u8],
    /// Length of its first line if it is an event, so that nobody has to look for the end again.
    pub(super) first_line: usize,
    /// Whether `bytes` lie in the chunk; else they were pieced together from several.
    pub(super) in_chunk: bool,
}

/// Cuts a stream into pieces.
#[derive(Debug)]
pub(super) struct Splitter {
    bounds: Bounds,
    /// The beginning of the piece that is not whole yet.
    held: Vec<u8>,
    /// `held` has been handed out whole and is void.
    spent: bool,
    /// Bytes at the end of `held` that belong to a line without an end.
    line_len: usize,
    /// Length of the first line of the piece, once it is there and has a field.
    first_line: Option<usize>,
    /// The last byte was a CR, so an LF now belongs to it.
    after_cr: bool,
    /// Nothing but a part of a byte order mark has come in.
    at_start: bool,
    broken: Option<FrameError>,
}

impl Splitter {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            held: Vec::new(),
            spent: false,
            line_len: 0,
            first_line: None,
            after_cr: false,
            at_start: true,
            broken: None,
        }
    }

    /// The bytes of the piece that is not whole, when none of it will come any more.
    pub(super) fn take_tail(&mut self) -> Result<Vec<u8>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.forget_spent();
        self.line_len = 0;
        Ok(std::mem::take(&mut self.held))
    }

    /// Cut the next whole piece off `chunk`. At `None` all of the chunk has been taken in.
    pub(super) fn next<'a, 'c: 'a>(
        &'a mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<Piece<'a>>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.forget_spent();
        let bytes = *chunk;
        let Some(first) = bytes.first() else { return Ok(None) };
        let mut at = 0;
        if std::mem::take(&mut self.after_cr) && *first == b'\n' {
            at = 1;
            if self.held.is_empty() {
                return Ok(Some(self.cut(chunk, 1, Kind::Remainder)));
            }
        }
        if self.at_start {
            match self.byte_order_mark(bytes) {
                Some(0) => self.at_start = false,
                Some(end) => return Ok(Some(self.cut(chunk, end, Kind::Aside))),
                None => {
                    self.hold(chunk, 0); // not a line yet, so within no bound
                    return Ok(None);
                }
            }
        }
        while let Some(found) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) {
            let (start, end) = (at, at + found);
            let is_comment = self.first_of_line(bytes, start) == b':';
            let line_len = self.line_len + found;
            self.check(self.held.len() + end, line_len)?;
            self.line_len = 0;
            at = self.past_line_end(bytes, end);
            match self.first_line {
                Some(_) if line_len == 0 => return Ok(Some(self.cut(chunk, at, Kind::Event))),
                None if line_len == 0 || is_comment => return Ok(Some(self.cut(chunk, at, Kind::Aside))),
                None => self.first_line = Some(line_len),
                Some(_) => {}
            }
            self.check(self.held.len() + at, 0)?;
        }
        self.check(self.held.len() + bytes.len(), self.line_len + bytes.len() - at)?;
        self.hold(chunk, at);
        Ok(None)
    }

    /// End of the byte order mark in `bytes`; 0 when there is none, `None` when that cannot be known yet.
    fn byte_order_mark(&self, bytes: &[u8]) -> Option<usize> {
        let missing = &BYTE_ORDER_MARK[self.held.len()..];
        if bytes.starts_with(missing) {
            Some(missing.len())
        } else if missing.starts_with(bytes) {
            None
        } else {
            Some(0)
        }
    }

    /// First byte of the line that goes on at `start`; 0 for a line without one.
    fn first_of_line(&self, bytes: &[u8], start: usize) -> u8 {
        let begun = self.held.len() - self.line_len;
        self.held.get(begun).or_else(|| bytes.get(start)).copied().unwrap_or(0)
    }

    /// Where the next line starts, given where the end of this one does.
    fn past_line_end(&mut self, bytes: &[u8], end: usize) -> usize {
        match (bytes[end], bytes.get(end + 1)) {
            (b'\r', Some(b'\n')) => end + 2,
            (b'\r', None) => {
                self.after_cr = true;
                end + 1
            }
            _ => end + 1,
        }
    }

    fn cut<'a, 'c: 'a>(&'a mut self, chunk: &mut &'c [u8], end: usize, kind: Kind) -> Piece<'a> {
        let (bytes, rest) = chunk.split_at(end);
        *chunk = rest;
        let first_line = self.first_line.take().unwrap_or(0);
        self.line_len = 0;
        self.at_start = false;
        if self.held.is_empty() {
            return Piece { kind, bytes, first_line, in_chunk: true };
        }
        self.held.extend_from_slice(bytes);
        self.spent = true;
        Piece { kind, bytes: &self.held, first_line, in_chunk: false }
    }

    /// Keep the whole chunk; its last line goes on from `line_start`.
    fn hold(&mut self, chunk: &mut &[u8], line_start: usize) {
        let bytes = std::mem::take(chunk);
        self.line_len += bytes.len() - line_start;
        self.held.extend_from_slice(bytes);
    }

    fn forget_spent(&mut self) {
        if std::mem::take(&mut self.spent) {
            self.held.clear();
            self.held.shrink_to(KEPT_CAPACITY);
        }
    }

    /// Refuse a piece of `piece_len` bytes whose last line has `line_len` of them. The bound that was passed first is
    /// the one named, so that the error does not depend on how much has been seen.
    fn check(&mut self, piece_len: usize, line_len: usize) -> Result<(), FrameError> {
        let Bounds { line_bytes, event_bytes } = self.bounds;
        let line_passed_at = (piece_len - line_len).saturating_add(line_bytes);
        let error = if line_len > line_bytes && line_passed_at <= event_bytes {
            FrameError::LineTooLong(line_bytes)
        } else if piece_len > event_bytes {
            FrameError::EventTooLong(event_bytes)
        } else {
            return Ok(());
        };
        self.held = Vec::new();
        self.broken = Some(error);
        Err(error)
    }
}
