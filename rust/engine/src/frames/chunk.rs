//! What one payload of an OpenAI-shaped chat stream says.
//!
//! Owns the reading of a chunk: choices, their text, finish reasons, usage, model, and where an edit would cut. Does
//! not own what follows from it. Invariant: it takes in only well-formed JSON objects (in whose strings bytes need not be
//! UTF-8) and keeps nothing but places in them; a member of an unforeseen type is as good as absent.

use std::ops::Range;

use crate::inspect::{
    SyntaxError,
    scan::{Kind, Literal, Scanner},
    text::{SpanKind, Texts},
};

/// Places beyond this are given back to the allocator before the next chunk.
const KEPT_CAPACITY: usize = 64;

/// How a choice stands after a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// It goes on.
    Open,
    /// `finish_reason` is a string.
    Given,
    /// `finish_reason` is `error`, as Mistral ends an answer that broke.
    Failed,
}

/// One choice of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) index: u64,
    pub(super) finish: Finish,
    /// How many of [`Chunk::texts`] are this choice's or an earlier one's.
    pub(super) texts_end: usize,
}

/// One chunk, by places in its payload. Made once per stream and read into again and again.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// `model`, when it is a string.
    pub(super) model: Option<Literal>,
    /// `usage`, when it is an object.
    pub(super) usage: Option<Range<usize>>,
    /// What to cut to be rid of `usage`: the member and one comma. Empty when there is no such member.
    pub(super) usage_members: Vec<Range<usize>>,
    /// `error` is there and not null; whether it is truthy has not been looked at.
    pub(super) has_error: bool,
    /// `choices` is an empty array.
    pub(super) is_choiceless: bool,
    /// Something a user would see, or an end.
    pub(super) has_content: bool,
    pub(super) choices: Vec<Choice>,
    pub(super) texts: Texts,
}

type Scanned<T> = Result<T, SyntaxError>;

impl Chunk {
    /// Read `data`; afterwards this is what it says, which is nothing when it is not a JSON object.
    pub(super) fn read(&mut self, data: &[u8]) {
        self.clear();
        if self.payload(&mut Scanner::new(data)).is_err() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        let Self { mut usage_members, mut choices, mut texts, .. } = std::mem::take(self);
        usage_members.clear();
        choices.clear();
        choices.shrink_to(KEPT_CAPACITY);
        texts.spans.clear();
        texts.spans.shrink_to(KEPT_CAPACITY);
        *self = Self { usage_members, choices, texts, ..Self::default() };
    }

    fn payload(&mut self, scan: &mut Scanner<'_>) -> Scanned<()> {
        if scan.peek()? != Kind::Object {
            return Ok(());
        }
        let mut kept_before = false;
        scan.members(|scan, name| {
            match &*scan.text(name) {
                b"choices" => self.choices(scan)?,
                b"usage" => return self.usage(scan, name.outer_range().start, kept_before),
                b"model" => self.model = string(scan)?,
                b"error" => {
                    self.has_error |= scan.peek()? != Kind::Null;
                    scan.skip()?;
                }
                _ => scan.skip()?,
            }
            kept_before = true;
            Ok::<_, SyntaxError>(())
        })?;
        scan.end()
    }

    /// The member `usage`, which starts at `start`; `kept_before` tells whether another one precedes it.
    fn usage(&mut self, scan: &mut Scanner<'_>, start: usize, kept_before: bool) -> Scanned<()> {
        let is_object = scan.peek()? == Kind::Object;
        let value = scan.raw()?;
        let bytes = scan.bytes();
        let end = value.end;
        self.usage = is_object.then_some(value);
        self.usage_members.push(if kept_before {
            // Between the comma and the name there is only white space.
            bytes[..start].trim_ascii_end().len() - 1..end
        } else {
            let after = bytes[end..].trim_ascii_start();
            let past_comma = after.strip_prefix(b",").map(|rest| bytes.len() - rest.len());
            start..past_comma.unwrap_or(end)
        });
        Ok(())
    }

    fn choices(&mut self, scan: &mut Scanner<'_>) -> Scanned<()> {
        if scan.peek()? != Kind::Array {
            return scan.skip();
        }
        let count = scan.elements(|scan, _| self.choice(scan))?;
        self.is_choiceless = count == 0;
        Ok(())
    }

    fn choice(&mut self, scan: &mut Scanner<'_>) -> Scanned<()> {
        if scan.peek()? != Kind::Object {
            return scan.skip();
        }
        let mut choice = Choice { index: 0, finish: Finish::Open, texts_end: 0 };
        let first_text = self.texts.spans.len();
        scan.members(|scan, name| match &*scan.text(name) {
            b"index" => index(scan).map(|index| choice.index = index),
            b"finish_reason" => finish(scan).map(|finish| choice.finish = finish),
            b"delta" if scan.peek()? == Kind::Object => self.delta(scan),
            b"text" => self.texts.value(scan, SpanKind::Content), // of the older completions
            _ => scan.skip(),
        })?;
        choice.texts_end = self.texts.spans.len();
        self.has_content |= choice.finish != Finish::Open
            || self.texts.spans[first_text..].iter().any(|span| !span.literal.range().is_empty());
        self.choices.push(choice);
        Ok(())
    }

    fn delta(&mut self, scan: &mut Scanner<'_>) -> Scanned<()> {
        let member = |scan: &mut Scanner<'_>, name| match &*scan.text(name) {
            b"content" => self.texts.content(scan, SpanKind::Content),
            b"audio" => {
                self.has_content |= scan.peek()? != Kind::Null;
                scan.skip()
            }
            name => {
                let is_calls = name == b"tool_calls" && scan.peek()? == Kind::Array;
                let start = scan.at();
                self.texts.message_member(scan, name)?;
                // A call without a name or arguments is one all the same.
                self.has_content |=
                    is_calls && !scan.bytes()[start + 1..].trim_ascii_start().starts_with(b"]");
                Ok(())
            }
        };
        scan.members(member).map(drop)
    }
}

fn index(scan: &mut Scanner<'_>) -> Scanned<u64> {
    let raw = scan.raw()?;
    Ok(str::from_utf8(&scan.bytes()[raw]).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0))
}

fn finish(scan: &mut Scanner<'_>) -> Scanned<Finish> {
    let reason = string(scan)?;
    Ok(match reason.map(|reason| &scan.bytes()[reason.range()]) {
        None => Finish::Open,
        Some(b"error") => Finish::Failed,
        Some(_) => Finish::Given,
    })
}

/// The next value, if it is a string.
fn string(scan: &mut Scanner<'_>) -> Scanned<Option<Literal>> {
    if scan.peek()? == Kind::String {
        return scan.string().map(Some);
    }
    scan.skip().map(|()| None)
}
