//! A whole JSON answer: what the gateway must know of it, whatever the endpoint.
//!
//! Owns the reading of OpenAI-shaped answers (chat completions, completions, embeddings). Refuses only what is not a JSON
//! object: a member of an unforeseen type is one the answer does not have, since a provider may add what it likes, and
//! of a member given twice the last one counts.

use std::ops::Range;

use super::{
    edit::{Edited, Splice, quoted},
    scan::{Flaw, Kind, Literal, Scanner, SyntaxError, checked},
    text::{SpanKind, Text, Texts, decoded},
    usage::{UsageCounts, kept_usage, usage_of},
};

const MAX_MODEL_BYTES: u32 = 512;
const MAX_ERROR_CHARACTERS: usize = 1024;

/// A whole answer; `B` is whatever keeps the bytes.
#[derive(Debug)]
pub struct Reply<B> {
    bytes: B,
    findings: Findings,
}

#[derive(Debug, Default)]
struct Findings {
    /// The value of the member `model`, whatever it is, and the name when it is one.
    model_value: Option<Range<usize>>,
    model: Option<String>,
    usage: Option<Range<usize>>,
    counts: Option<UsageCounts>,
    error: Option<String>,
    has_choices: bool,
    texts: Texts,
}

type Read<T> = Result<T, SyntaxError>;

impl<B: AsRef<[u8]>> Reply<B> {
    /// Read a whole answer.
    pub fn read(bytes: B) -> Read<Self> {
        let findings = findings(bytes.as_ref())?;
        Ok(Self { bytes, findings })
    }

    /// Whatever keeps the bytes.
    pub fn storage(&self) -> &B {
        &self.bytes
    }

    /// The model that answered, when it is named in at most 512 bytes.
    pub fn model(&self) -> Option<&str> {
        self.findings.model.as_deref()
    }

    pub fn usage(&self) -> Option<UsageCounts> {
        self.findings.counts
    }

    /// The text of the usage object as it came; empty when there is none or it is longer than [`super::MAX_RAW_USAGE_BYTES`].
    pub fn raw_usage(&self) -> &str {
        let raw = self.findings.usage.clone().map(|raw| &self.bytes.as_ref()[raw]);
        raw.map_or("", kept_usage)
    }

    /// What an error at the top level says: its message, else its JSON text; at most 1024 characters of it. A member
    /// that clients would take for false is no error.
    pub fn error(&self) -> Option<&str> {
        self.findings.error.as_deref()
    }

    /// Whether there is at least one choice.
    pub fn has_choices(&self) -> bool {
        self.findings.has_choices
    }

    /// Every text the model has written, in the order of the answer.
    pub fn texts(&self) -> impl Iterator<Item = Text<'_>> {
        self.findings.texts.iter(self.bytes.as_ref())
    }

    /// The bytes with the top-level `model` replaced; an answer that has none is left as it is.
    pub fn renamed(&self, model: &str) -> Edited<'_> {
        let value = self.findings.model_value.clone().filter(|_| self.model() != Some(model));
        let splices = value.map(|at| Splice { at, text: quoted(model) });
        Edited::new(self.bytes.as_ref(), splices.into_iter().collect())
    }
}

fn findings(bytes: &[u8]) -> Read<Findings> {
    let mut scan = Scanner::unmetered(checked(bytes)?);
    if scan.peek()? != Kind::Object {
        return Err(SyntaxError { flaw: Flaw::NotAnObject, offset: scan.at() });
    }
    let mut found = Findings::default();
    scan.members(|scan, name| match &*scan.text(name) {
        b"model" => found.model(scan),
        b"usage" => found.usage(scan),
        b"error" => found.error(scan),
        b"choices" => found.choices(scan),
        _ => scan.skip(),
    })?;
    scan.end()?;
    Ok(found)
}

impl Findings {
    fn model(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        if scan.peek()? == Kind::String {
            let name = scan.string()?;
            self.model_value = Some(name.outer_range());
            self.model = (name.decoded <= MAX_MODEL_BYTES).then(|| decoded(scan.bytes(), name).into_owned());
        } else {
            self.model_value = Some(scan.raw()?);
            self.model = None;
        }
        Ok(())
    }

    fn usage(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        let is_object = scan.peek()? == Kind::Object;
        let raw = scan.raw()?;
        self.counts = usage_of(&scan.bytes()[raw.clone()]);
        self.usage = is_object.then_some(raw);
        Ok(())
    }

    /// Of an error that a client would take for one: what it says, else its JSON text.
    fn error(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        let kind = scan.peek()?;
        let mut message = None;
        let start = scan.at();
        let is_error = match kind {
            Kind::String => {
                let text = scan.string()?;
                message = Some(text);
                text.decoded > 0
            }
            Kind::Object => {
                scan.members(|scan, name| {
                    if *scan.text(name) == *b"message" && scan.peek()? == Kind::String {
                        message = Some(scan.string()?).filter(|text| text.decoded > 0);
                        return Ok(());
                    }
                    scan.skip()
                })? > 0
            }
            Kind::Array => scan.elements(|scan, _| scan.skip())? > 0,
            Kind::Number | Kind::Bool | Kind::Null => {
                let word = scan.raw()?;
                !matches!(&scan.bytes()[word], b"null" | b"false" | b"0")
            }
        };
        let text = match message {
            Some(message) => decoded(scan.bytes(), message),
            None => decoded(scan.bytes(), Literal::json(&(start..scan.at()))),
        };
        self.error = is_error.then(|| text.chars().take(MAX_ERROR_CHARACTERS).collect());
        Ok(())
    }

    fn choices(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        if scan.peek()? != Kind::Array {
            return scan.skip();
        }
        let choices = scan.elements(|scan, _| self.choice(scan))?;
        self.has_choices = choices > 0;
        Ok(())
    }

    fn choice(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        if scan.peek()? != Kind::Object {
            return scan.skip();
        }
        let member = |scan: &mut Scanner<'_>, name| match &*scan.text(name) {
            b"text" => self.texts.value(scan, SpanKind::Content),
            b"message" if scan.peek()? == Kind::Object => self.message(scan),
            _ => scan.skip(),
        };
        scan.members(member).map(drop)
    }

    fn message(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        let member = |scan: &mut Scanner<'_>, name| match &*scan.text(name) {
            b"content" => self.texts.content(scan, SpanKind::Content),
            name => self.texts.message_member(scan, name),
        };
        scan.members(member).map(drop)
    }
}
