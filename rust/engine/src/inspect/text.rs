//! Where the text that a model reads or writes lies in a body, and how to read it.
//!
//! Owns the walk over the parts of a message, which requests and replies share. Does not refuse anything for its type:
//! text in an unforeseen place is still found, as JSON text, since a bound on tokens must not be easy to walk around.

use std::{borrow::Cow, ops::Range};

use super::scan::{Kind, Literal, Scanner, SyntaxError};

/// What a text is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// `messages[].role`.
    Role,
    /// `messages[].name`.
    Name,
    /// `messages[].content`, whole or one text part of it; a completion's `text`.
    Content,
    /// `messages[].reasoning_content` or `reasoning`, or a thinking part of the content.
    Reasoning,
    /// `messages[].refusal`, or a refusal part of the content.
    Refusal,
    /// The name in a tool call or in a legacy `function_call`.
    ToolName,
    /// The arguments (or free-form input) in a tool call.
    ToolArguments,
    /// The JSON text of one `tools[].function`, `tools[].custom` or `functions[]`; of the whole tool if it has neither.
    ToolDefinition,
    /// The JSON text of `response_format.json_schema`.
    ResponseFormat,
    /// `prediction.content`, whole or one text part of it.
    Prediction,
}

/// One text a model would read, decoded; or JSON text, where its kind is that or the body has no string in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    pub kind: SpanKind,
    pub text: Cow<'a, str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub literal: Literal,
    pub kind: SpanKind,
}

/// The texts found so far.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub spans: Vec<Span>,
    /// Bytes of all of them once unescaped.
    pub bytes: u64,
    /// Content parts that are images.
    pub images: usize,
}

type Scanned<T> = Result<T, SyntaxError>;

impl Texts {
    pub(crate) fn iter<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = Text<'a>> {
        self.spans.iter().map(|span| Text { kind: span.kind, text: decoded(body, span.literal) })
    }

    pub(crate) fn add(&mut self, kind: SpanKind, literal: Literal) {
        self.bytes += u64::from(literal.decoded);
        self.spans.push(Span { literal, kind });
    }

    /// The next value as a text: a string is decoded, null is none, anything else stands for itself.
    pub(crate) fn value(&mut self, scan: &mut Scanner<'_>, kind: SpanKind) -> Scanned<()> {
        match scan.peek()? {
            Kind::String => {
                let literal = scan.string()?;
                self.add(kind, literal);
                Ok(())
            }
            Kind::Null => scan.skip(),
            _ => self.json(scan, kind),
        }
    }

    /// The next value as JSON text.
    pub(crate) fn json(&mut self, scan: &mut Scanner<'_>, kind: SpanKind) -> Scanned<()> {
        let raw = scan.raw()?;
        self.add_json(kind, &raw);
        Ok(())
    }

    pub(crate) fn add_json(&mut self, kind: SpanKind, raw: &Range<usize>) {
        self.add(kind, Literal::json(raw));
    }

    /// The next value as content: a string, or an array of parts.
    pub(crate) fn content(&mut self, scan: &mut Scanner<'_>, kind: SpanKind) -> Scanned<()> {
        if scan.peek()? != Kind::Array {
            return self.value(scan, kind);
        }
        let part = |scan: &mut Scanner<'_>, _| match scan.peek()? {
            Kind::Object => self.part(scan, kind),
            _ => self.value(scan, kind),
        };
        scan.elements(part).map(drop)
    }

    fn part(&mut self, scan: &mut Scanner<'_>, kind: SpanKind) -> Scanned<()> {
        let mut is_image = false;
        scan.members(|scan, name| match &*scan.text(name) {
            b"text" => self.value(scan, kind),
            b"refusal" => self.value(scan, SpanKind::Refusal),
            b"thinking" => self.content(scan, SpanKind::Reasoning),
            b"type" if scan.peek()? == Kind::String => {
                let word = scan.string()?;
                is_image |= matches!(&*scan.text(word), b"image_url" | b"input_image" | b"image");
                Ok(())
            }
            _ => scan.skip(),
        })?;
        self.images += usize::from(is_image);
        Ok(())
    }

    /// A member of a message that holds text, other than `role` and `content`; any other is skipped.
    pub(crate) fn message_member(&mut self, scan: &mut Scanner<'_>, name: &[u8]) -> Scanned<()> {
        match name {
            b"name" => self.value(scan, SpanKind::Name),
            b"refusal" => self.value(scan, SpanKind::Refusal),
            b"reasoning_content" | b"reasoning" => self.content(scan, SpanKind::Reasoning),
            b"tool_calls" => self.tool_calls(scan),
            b"function_call" => self.tool_call_body(scan),
            _ => scan.skip(),
        }
    }

    fn tool_calls(&mut self, scan: &mut Scanner<'_>) -> Scanned<()> {
        if scan.peek()? != Kind::Array {
            return self.value(scan, SpanKind::ToolArguments);
        }
        scan.elements(|scan, _| self.tool_call(scan)).map(drop)
    }

    fn tool_call(&mut self, scan: &mut Scanner<'_>) -> Scanned<()> {
        if scan.peek()? != Kind::Object {
            return self.value(scan, SpanKind::ToolArguments);
        }
        let member = |scan: &mut Scanner<'_>, name| match &*scan.text(name) {
            b"function" | b"custom" => self.tool_call_body(scan),
            _ => scan.skip(),
        };
        scan.members(member).map(drop)
    }

    fn tool_call_body(&mut self, scan: &mut Scanner<'_>) -> Scanned<()> {
        if scan.peek()? != Kind::Object {
            return self.value(scan, SpanKind::ToolArguments);
        }
        let member = |scan: &mut Scanner<'_>, name| match &*scan.text(name) {
            b"name" => self.value(scan, SpanKind::ToolName),
            b"arguments" | b"input" => self.value(scan, SpanKind::ToolArguments),
            _ => scan.skip(),
        };
        scan.members(member).map(drop)
    }
}

/// [`Literal::text`] as a string.
pub(crate) fn decoded(body: &[u8], literal: Literal) -> Cow<'_, str> {
    // Neither fallback can happen: the body was checked to be UTF-8, and a literal ends where characters end.
    match literal.text(body) {
        Cow::Borrowed(bytes) => Cow::Borrowed(simdutf8::basic::from_utf8(bytes).unwrap_or_default()),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).unwrap_or_default()),
    }
}
