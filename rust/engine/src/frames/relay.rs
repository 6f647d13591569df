//! Relaying an OpenAI-shaped chat stream, noticing what the gateway must know.
//!
//! Owns which frames go on, the two edits, and the facts of the answer. Does not own the answer to an error. Invariant:
//! without edits the frames that go on are the bytes that came in, up to an error of the provider's; what is noticed is
//! what has been handed on, but for usage, which is owed wherever it stands.

use std::{borrow::Cow, ops::Range};

use super::{
    Bounds, FrameError,
    chunk::{Chunk, Finish},
    fields::Fields,
    in_band::{InBandError, bounded},
    outgoing::{Edit, Outgoing},
    said::Answer,
    split::{Kind, Piece, Splitter},
};
use crate::{
    inspect::{UsageCounts, kept_usage, scan::Literal, usage_of},
    tokens::Encoding,
};

const MAX_MODEL_BYTES: usize = 512;

/// What is changed in the frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Take out the usage that the caller did not ask for: the frame that has nothing else, the member elsewhere.
    pub strip_usage: bool,
    /// Put this in place of every top-level `model` that is a string.
    pub model: Option<String>,
}

/// What has been noticed in the frames that were handed on.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Text, a tool call, audio or an end of a choice has been handed on.
    pub has_content: bool,
    /// `[DONE]` was seen.
    pub is_done: bool,
    /// Events with data, apart from `[DONE]` and an error.
    pub events: u64,
    /// The first model that was named, at most 512 bytes; empty without one.
    pub model: String,
    /// The last usage that can be believed, from whatever chunk.
    pub usage: Option<UsageCounts>,
    /// The JSON text that `usage` was read from; empty when there was none or it is over 4 KiB.
    pub raw_usage: String,
    /// The provider's error. Neither it nor anything after it is handed on.
    pub error: Option<InBandError>,
}

/// The relay of one stream.
#[derive(Debug)]
pub struct ChatRelay {
    splitter: Splitter,
    watch: Watch,
    /// The last piece did not go on, so neither does what remains of its line end.
    dropped: bool,
}

#[derive(Debug)]
struct Watch {
    strip_usage: bool,
    /// The JSON string to put in place of the model.
    model_literal: Option<String>,
    chunk: Chunk,
    answer: Answer,
    facts: Facts,
}

impl ChatRelay {
    /// `encoding` is what long answers are counted in as they pass, see [`ChatRelay::output_tokens`].
    pub fn new(rewrite: Rewrite, encoding: &'static Encoding) -> Self {
        let literal = |model| serde_json::Value::String(model).to_string();
        Self {
            splitter: Splitter::new(Bounds::default()),
            watch: Watch {
                strip_usage: rewrite.strip_usage,
                model_literal: rewrite.model.map(literal),
                chunk: Chunk::default(),
                answer: Answer::new(encoding),
                facts: Facts::default(),
            },
            dropped: false,
        }
    }

    /// Take in `chunk`; what can be handed on now: whole frames, and comments and blank lines outside of them.
    ///
    /// It is a part of `chunk` itself where nothing was held or edited. When a bound is passed, what came before it is
    /// handed on and the next call fails.
    pub fn feed<'a>(&mut self, chunk: &'a [u8]) -> Result<Cow<'a, [u8]>, FrameError> {
        let mut out = Outgoing::of(chunk);
        let mut rest = chunk;
        while self.watch.facts.error.is_none() {
            let start = chunk.len() - rest.len();
            let piece = match self.splitter.next(&mut rest) {
                Ok(Some(piece)) => piece,
                Err(error) if out.is_empty() => return Err(error),
                Ok(None) | Err(_) => break,
            };
            let place = piece.in_chunk.then(|| start..start + piece.bytes.len());
            match piece.kind {
                Kind::Event => self.dropped = !self.watch.frame(&piece, place, &mut out),
                Kind::Remainder if self.dropped => {}
                Kind::Aside | Kind::Remainder => {
                    self.dropped = false;
                    keep(piece.bytes, place, &mut out);
                }
            }
        }
        Ok(out.bytes())
    }

    /// At the end of the upstream: what is left of a frame that was not closed.
    ///
    /// It goes on as it is, since to a client it is no event. An error or a usage in it is noticed all the same; an
    /// error is not handed on.
    pub fn finish(&mut self) -> Result<Vec<u8>, FrameError> {
        let tail = self.splitter.take_tail()?;
        self.watch.tail(&tail);
        Ok(if self.watch.facts.error.is_none() { tail } else { Vec::new() })
    }

    pub fn facts(&self) -> &Facts {
        &self.watch.facts
    }

    /// Every choice that was seen has its `finish_reason`, or `[DONE]` was seen.
    pub fn is_finished(&self) -> bool {
        self.watch.facts.is_done || self.watch.answer.is_finished()
    }

    /// Tokens of the text handed on: content, reasoning, refusals and tool arguments, per choice in order of arrival.
    ///
    /// Of each choice at most the last 4 KiB are kept; what was before has been counted in the encoding given to
    /// [`ChatRelay::new`]. In that encoding the count is exact for prose and code, and a token or two over for each 4 KiB
    /// of text without a space, such as base64.
    pub fn output_tokens(&self, encoding: &Encoding) -> u64 {
        self.watch.answer.tokens(encoding)
    }

    /// Bytes of text that [`ChatRelay::output_tokens`] has to read.
    pub fn uncounted_bytes(&self) -> usize {
        self.watch.answer.uncounted_bytes()
    }
}

impl Watch {
    /// Hand on what of a frame goes on; whether there is anything.
    fn frame(&mut self, piece: &Piece<'_>, place: Option<Range<usize>>, out: &mut Outgoing<'_>) -> bool {
        let frame = piece.bytes;
        let fields = Fields::of(frame, piece.first_line);
        let data = fields.data.joined(frame);
        let payload = data.as_deref().unwrap_or_default();
        self.chunk.read(payload);
        self.note_usage(payload);
        self.facts.error = self.error_in(&fields, payload);
        if self.facts.error.is_some() {
            return false;
        }
        if data.is_some() {
            self.note(payload);
        }
        if self.strip_usage && self.chunk.is_choiceless && self.chunk.usage.is_some() {
            return false;
        }
        let edits = self.edits(payload);
        if edits.is_empty() {
            keep(frame, place, out);
        } else {
            out.splice(frame, fields.data.lines(), &edits);
        }
        true
    }

    fn tail(&mut self, tail: &[u8]) {
        let first_line = memchr::memchr2(b'\n', b'\r', tail).unwrap_or(tail.len());
        let fields = Fields::of(tail, first_line);
        let data = fields.data.joined(tail);
        let payload = data.as_deref().unwrap_or_default();
        self.chunk.read(payload);
        self.note_usage(payload);
        if self.facts.error.is_none() {
            self.facts.error = self.error_in(&fields, payload);
        }
    }

    fn error_in(&self, fields: &Fields<'_>, payload: &[u8]) -> Option<InBandError> {
        if fields.name == b"error" {
            return Some(InBandError::of_event(payload));
        }
        if self.chunk.has_error
            && let Some(error) = InBandError::of_member(payload)
        {
            return Some(error);
        }
        let has_failed = self.chunk.choices.iter().any(|choice| choice.finish == Finish::Failed);
        has_failed.then(|| InBandError::of_finish(payload))
    }

    fn note_usage(&mut self, payload: &[u8]) {
        let Some(place) = self.chunk.usage.clone() else { return };
        let raw = &payload[place];
        let Some(usage) = usage_of(raw) else { return };
        self.facts.usage = Some(usage);
        kept_usage(raw).clone_into(&mut self.facts.raw_usage);
    }

    fn note(&mut self, payload: &[u8]) {
        if payload.trim_ascii_start().starts_with(b"[DONE]") {
            self.facts.is_done = true;
            return;
        }
        self.facts.events += 1;
        self.facts.has_content |= self.chunk.has_content;
        if let Some(model) = self.chunk.model.filter(|_| self.facts.model.is_empty()) {
            self.facts.model = bounded(&decoded(payload, model), MAX_MODEL_BYTES);
        }
        let mut said = 0;
        for choice in &self.chunk.choices {
            self.answer.seen(choice.index, choice.finish != Finish::Open);
            for span in &self.chunk.texts.spans[said..choice.texts_end] {
                self.answer.say(choice.index, &decoded(payload, span.literal));
            }
            said = choice.texts_end;
        }
    }

    /// The edits this frame needs, in order.
    fn edits(&self, payload: &[u8]) -> Vec<Edit<'_>> {
        let mut edits = Vec::new();
        if self.strip_usage {
            edits.extend(self.chunk.usage_members.iter().map(|at| Edit { at: at.clone(), with: b"" }));
        }
        if let (Some(new), Some(model)) = (&self.model_literal, self.chunk.model) {
            let at = model.outer_range();
            if &payload[at.clone()] != new.as_bytes() {
                edits.push(Edit { at, with: new.as_bytes() });
            }
        }
        edits.sort_unstable_by_key(|edit| edit.at.start);
        edits
    }
}

/// Hand on bytes as they are; `place` is where they lie in the chunk, if they do.
fn keep(bytes: &[u8], place: Option<Range<usize>>, out: &mut Outgoing<'_>) {
    match place {
        Some(place) => out.keep(place),
        None => out.push(bytes),
    }
}

/// What a JSON string stands for. Bytes that are not UTF-8, which no part of this refuses, become U+FFFD.
fn decoded(payload: &[u8], literal: Literal) -> Cow<'_, str> {
    match literal.text(payload) {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
