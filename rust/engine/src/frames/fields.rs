//! The fields of one event.
//!
//! Owns the grammar within a frame: lines, names, values. Does not own where a frame ends. Invariant: a value is
//! always a slice of the frame, so that an edit of it can be put back in place.

use std::{borrow::Cow, ops::Range};

/// Where the values of the `data` lines lie in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    None,
    /// The only line, as nearly always.
    Line(Range<usize>),
    Lines(Vec<Range<usize>>),
}

/// What an event consists of. `id` and `retry` concern clients that reconnect, which a gateway never does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    /// Value of the last `event` line; empty without one.
    pub(super) name: &'a [u8],
    pub(super) data: Data,
}

impl<'a> Fields<'a> {
    /// Of a frame whose first line has `first_line` bytes.
    pub(super) fn of(frame: &'a [u8], first_line: usize) -> Self {
        let mut fields = Fields { name: b"", data: Data::None };
        fields.take_line(frame, 0..first_line);
        let mut start = first_line + 1;
        while start < frame.len() {
            let found = memchr::memchr2(b'\n', b'\r', &frame[start..]);
            let end = found.map_or(frame.len(), |len| start + len);
            fields.take_line(frame, start..end);
            start = end + 1;
        }
        fields
    }

    fn take_line(&mut self, frame: &'a [u8], line: Range<usize>) {
        let bytes = &frame[line.clone()];
        if let Some(value) = value_start(bytes, b"data") {
            self.data.add(line.start + value..line.end);
        } else if let Some(value) = value_start(bytes, b"event") {
            self.name = &bytes[value..];
        }
    }
}

impl Data {
    fn add(&mut self, value: Range<usize>) {
        match self {
            Self::None => *self = Self::Line(value),
            Self::Line(first) => *self = Self::Lines(vec![first.clone(), value]),
            Self::Lines(lines) => lines.push(value),
        }
    }

    /// The values joined by LF; `None` when the event has no data, and so is no event to a client.
    pub(super) fn joined<'f>(&self, frame: &'f [u8]) -> Option<Cow<'f, [u8]>> {
        match self {
            Self::None => None,
            Self::Line(value) => Some(Cow::Borrowed(&frame[value.clone()])),
            Self::Lines(values) => {
                let values: Vec<&[u8]> = values.iter().map(|value| &frame[value.clone()]).collect();
                Some(Cow::Owned(values.join(&b'\n')))
            }
        }
    }

    /// Where the values lie, in order.
    pub(super) fn lines(&self) -> &[Range<usize>] {
        match self {
            Self::None => &[],
            Self::Line(value) => std::slice::from_ref(value),
            Self::Lines(values) => values,
        }
    }
}

/// Where the value begins if `line` has a field of this name: after the colon and one space, if there are any.
fn value_start(line: &[u8], name: &[u8]) -> Option<usize> {
    let rest = line.strip_prefix(name)?;
    match rest {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}
