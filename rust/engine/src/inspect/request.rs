//! One pass over a chat request: what the gateway acts on, and where it is.
//!
//! Owns which members are read, of what type they must be, and which may not be given twice because two parsers could
//! then act on different values. Does not own defaults of providers. `null` is the same as absence for every member but
//! `model`, `messages` and `role`; a name written with escapes is the name it stands for.

use std::ops::Range;

use super::{
    scan::{Flaw, Kind, Literal, Scanner, SyntaxError, checked},
    text::{SpanKind, Texts},
    usage::MAX_TOKENS,
};

const MAX_MODEL_BYTES: u32 = 512;
const MAX_USER_BYTES: u32 = 512;
const MAX_CHOICES: u64 = 128;
/// The API takes 16 members, of 64 and 512 characters; four bytes are the longest character.
const MAX_METADATA: usize = 16;
const MAX_METADATA_NAME_BYTES: u32 = 4 * 64;
const MAX_METADATA_VALUE_BYTES: u32 = 4 * 512;

/// Why a request body was refused. Tells where, never what the content was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    #[error("request body: {0}")]
    Unreadable(#[from] SyntaxError),
    #[error("{path}: {rule}")]
    Member {
        /// JSON path of the member, such as `messages[3].role`.
        path: String,
        /// What it would have to be.
        rule: &'static str,
    },
}

/// A member that holds a number of output tokens.
#[derive(Clone, Debug)]
pub(super) struct Cap {
    /// `None` for null.
    pub tokens: Option<u64>,
    pub value: Range<usize>,
}

/// `stream_options`, as far as it is there.
#[derive(Clone, Debug, Default)]
pub(super) enum StreamOptions {
    #[default]
    Absent,
    Null {
        value: Range<usize>,
    },
    Object {
        /// After its opening brace.
        inside: usize,
        is_empty: bool,
        include_usage: Option<(bool, Range<usize>)>,
    },
}

/// What a body says and where it says it; places are bytes of that body.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// After the opening brace of the body.
    pub inside: usize,
    pub model: Option<Literal>,
    pub stream: bool,
    pub stream_options: StreamOptions,
    pub max_completion_tokens: Option<Cap>,
    pub max_tokens: Option<Cap>,
    pub n: u64,
    pub user: Option<Literal>,
    pub metadata: Vec<(Literal, Literal)>,
    pub messages: usize,
    pub tools: usize,
    pub texts: Texts,
}

struct Reader {
    outline: Outline,
    seen: Seen,
}

/// Which of the members that may be given once have been.
#[derive(Default)]
struct Seen(u16);

type Read<T> = Result<T, InspectError>;

impl InspectError {
    /// The JSON path of the offending member, if it is about one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Unreadable(_) => None,
            Self::Member { path, .. } => Some(path),
        }
    }
}

impl Seen {
    fn once(&mut self, bit: u16, path: &str) -> Read<()> {
        if self.0 & (1 << bit) != 0 {
            return refuse(path, "must be given only once");
        }
        self.0 |= 1 << bit;
        Ok(())
    }
}

#[cold]
fn refuse<T>(path: impl Into<String>, rule: &'static str) -> Read<T> {
    Err(InspectError::Member { path: path.into(), rule })
}

/// Read a whole body.
pub(super) fn outline(bytes: &[u8]) -> Read<Outline> {
    let mut scan = Scanner::new(checked(bytes)?);
    if scan.peek()? != Kind::Object {
        return Err(SyntaxError { flaw: Flaw::NotAnObject, offset: scan.at() }.into());
    }
    let inside = scan.at() + 1;
    let mut reader =
        Reader { outline: Outline { inside, n: 1, ..Outline::default() }, seen: Seen::default() };
    scan.members(|scan, name| reader.member(scan, &scan.text(name)))?;
    scan.end()?;
    if reader.outline.messages == 0 {
        return refuse("messages", "is required");
    }
    Ok(reader.outline)
}

impl Reader {
    fn member(&mut self, scan: &mut Scanner<'_>, name: &[u8]) -> Read<()> {
        match name {
            b"model" => self.model(scan),
            b"stream" => {
                self.seen.once(1, "stream")?;
                self.outline.stream = boolean(scan, "stream")?.0;
                Ok(())
            }
            b"stream_options" => self.stream_options(scan),
            b"max_tokens" => {
                self.seen.once(2, "max_tokens")?;
                self.outline.max_tokens = Some(cap(scan, "max_tokens")?);
                Ok(())
            }
            b"max_completion_tokens" => {
                self.seen.once(3, "max_completion_tokens")?;
                self.outline.max_completion_tokens = Some(cap(scan, "max_completion_tokens")?);
                Ok(())
            }
            b"n" => {
                self.seen.once(4, "n")?;
                let (n, _) = positive(scan, "n", MAX_CHOICES, "must be an integer from 1 to 128, or null")?;
                self.outline.n = n.unwrap_or(1);
                Ok(())
            }
            b"messages" => self.messages(scan),
            b"tools" => self.tools(scan),
            b"functions" => self.functions(scan),
            b"response_format" => self.response_format(scan),
            b"prediction" => self.prediction(scan),
            b"user" => self.user(scan),
            b"metadata" => self.metadata(scan),
            _ => Ok(scan.skip()?),
        }
    }

    fn model(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        const RULE: &str = "must be a string of 1 to 512 bytes";
        self.seen.once(0, "model")?;
        if scan.peek()? != Kind::String {
            return refuse("model", RULE);
        }
        let model = scan.string()?;
        if model.decoded == 0 || model.decoded > MAX_MODEL_BYTES {
            return refuse("model", RULE);
        }
        self.outline.model = Some(model);
        Ok(())
    }

    fn stream_options(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        self.seen.once(5, "stream_options")?;
        self.outline.stream_options = match scan.peek()? {
            Kind::Null => StreamOptions::Null { value: scan.raw()? },
            Kind::Object => {
                let inside = scan.at() + 1;
                let mut include_usage = None;
                let members = scan.members(|scan, name| {
                    if *scan.text(name) != *b"include_usage" {
                        return Ok(scan.skip()?);
                    }
                    self.seen.once(6, "stream_options.include_usage")?;
                    include_usage = Some(boolean(scan, "stream_options.include_usage")?);
                    Ok::<_, InspectError>(())
                })?;
                StreamOptions::Object { inside, is_empty: members == 0, include_usage }
            }
            _ => return refuse("stream_options", "must be an object or null"),
        };
        Ok(())
    }

    fn messages(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        const RULE: &str = "must be a non-empty array of objects";
        self.seen.once(7, "messages")?;
        if scan.peek()? != Kind::Array {
            return refuse("messages", RULE);
        }
        self.outline.messages = scan.elements(|scan, index| self.message(scan, index))?;
        if self.outline.messages == 0 { refuse("messages", RULE) } else { Ok(()) }
    }

    fn message(&mut self, scan: &mut Scanner<'_>, index: usize) -> Read<()> {
        if scan.peek()? != Kind::Object {
            return refuse(format!("messages[{index}]"), "must be an object");
        }
        let mut has_role = false;
        scan.members(|scan, name| match &*scan.text(name) {
            b"role" => {
                has_role = true;
                self.role(scan, index)
            }
            b"content" => self.content(scan, index),
            name => Ok(self.outline.texts.message_member(scan, name)?),
        })?;
        if has_role { Ok(()) } else { refuse(format!("messages[{index}].role"), "is required") }
    }

    fn role(&mut self, scan: &mut Scanner<'_>, index: usize) -> Read<()> {
        if scan.peek()? != Kind::String {
            return refuse(format!("messages[{index}].role"), "must be a string");
        }
        let role = scan.string()?;
        self.outline.texts.add(SpanKind::Role, role);
        Ok(())
    }

    fn content(&mut self, scan: &mut Scanner<'_>, index: usize) -> Read<()> {
        const RULE: &str = "must be a string, an array of content parts, or null";
        if !matches!(scan.peek()?, Kind::String | Kind::Array | Kind::Null) {
            return refuse(format!("messages[{index}].content"), RULE);
        }
        Ok(self.outline.texts.content(scan, SpanKind::Content)?)
    }

    fn tools(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        self.seen.once(8, "tools")?;
        match scan.peek()? {
            Kind::Null => Ok(scan.skip()?),
            Kind::Array => {
                self.outline.tools = scan.elements(|scan, index| self.tool(scan, index))?;
                Ok(())
            }
            _ => refuse("tools", "must be an array or null"),
        }
    }

    fn tool(&mut self, scan: &mut Scanner<'_>, index: usize) -> Read<()> {
        if scan.peek()? != Kind::Object {
            return refuse(format!("tools[{index}]"), "must be an object");
        }
        let texts = &mut self.outline.texts;
        let start = scan.at();
        let mut is_defined = false;
        scan.members(|scan, name| match &*scan.text(name) {
            b"function" | b"custom" => {
                is_defined = true;
                texts.json(scan, SpanKind::ToolDefinition)
            }
            _ => scan.skip(),
        })?;
        if !is_defined {
            texts.add_json(SpanKind::ToolDefinition, &(start..scan.at()));
        }
        Ok(())
    }

    /// What `tools` was before there were tools.
    fn functions(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        let texts = &mut self.outline.texts;
        match scan.peek()? {
            Kind::Null => scan.skip()?,
            Kind::Array => drop(scan.elements(|scan, _| texts.json(scan, SpanKind::ToolDefinition))?),
            _ => return refuse("functions", "must be an array or null"),
        }
        Ok(())
    }

    fn response_format(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        let texts = &mut self.outline.texts;
        Ok(member_of(scan, b"json_schema", |scan| texts.json(scan, SpanKind::ResponseFormat))?)
    }

    fn prediction(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        let texts = &mut self.outline.texts;
        Ok(member_of(scan, b"content", |scan| texts.content(scan, SpanKind::Prediction))?)
    }

    fn user(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        const RULE: &str = "must be a string of at most 512 bytes, or null";
        self.outline.user = match scan.peek()? {
            Kind::Null => scan.skip().map(|()| None)?,
            Kind::String => Some(scan.string()?),
            _ => return refuse("user", RULE),
        };
        match self.outline.user {
            Some(user) if user.decoded > MAX_USER_BYTES => refuse("user", RULE),
            _ => Ok(()),
        }
    }

    fn metadata(&mut self, scan: &mut Scanner<'_>) -> Read<()> {
        const RULE: &str = "must be an object of strings, or null";
        let pairs = &mut self.outline.metadata;
        pairs.clear();
        match scan.peek()? {
            Kind::Null => return Ok(scan.skip()?),
            Kind::Object => {}
            _ => return refuse("metadata", RULE),
        }
        scan.members(|scan, name| {
            if pairs.len() == MAX_METADATA {
                return refuse("metadata", "must have at most 16 members");
            }
            if scan.peek()? != Kind::String {
                return refuse("metadata", RULE);
            }
            let value = scan.string()?;
            if name.decoded > MAX_METADATA_NAME_BYTES || value.decoded > MAX_METADATA_VALUE_BYTES {
                return refuse("metadata", "must have names of at most 256 bytes and values of at most 2048");
            }
            pairs.push((name, value));
            Ok(())
        })?;
        Ok(())
    }
}

/// Of an object, read one member; whatever else, skip.
fn member_of<'a>(
    scan: &mut Scanner<'a>,
    wanted: &[u8],
    mut read: impl FnMut(&mut Scanner<'a>) -> Result<(), SyntaxError>,
) -> Result<(), SyntaxError> {
    if scan.peek()? != Kind::Object {
        return scan.skip();
    }
    let member =
        |scan: &mut Scanner<'a>, name| if *scan.text(name) == *wanted { read(scan) } else { scan.skip() };
    scan.members(member).map(drop)
}

/// Whether the next value is `true`, and where it is.
fn boolean(scan: &mut Scanner<'_>, path: &str) -> Read<(bool, Range<usize>)> {
    if !matches!(scan.peek()?, Kind::Bool | Kind::Null) {
        return refuse(path, "must be true, false or null");
    }
    let value = scan.raw()?;
    Ok((scan.bytes()[value.clone()] == *b"true", value))
}

fn cap(scan: &mut Scanner<'_>, path: &str) -> Read<Cap> {
    let (tokens, value) = positive(scan, path, MAX_TOKENS, "must be a positive integer up to 2^40, or null")?;
    Ok(Cap { tokens, value })
}

/// A positive integer written as one: providers take neither `10.0` nor `1e1` for it, so nor do we.
fn positive(
    scan: &mut Scanner<'_>,
    path: &str,
    most: u64,
    rule: &'static str,
) -> Read<(Option<u64>, Range<usize>)> {
    match scan.peek()? {
        Kind::Null => Ok((None, scan.raw()?)),
        Kind::Number => {
            let value = scan.number()?;
            match integer(&scan.bytes()[value.clone()]) {
                Some(number) if (1..=most).contains(&number) => Ok((Some(number), value)),
                _ => refuse(path, rule),
            }
        }
        _ => refuse(path, rule),
    }
}

/// The value of digits alone; no sign, fraction or exponent.
pub(super) fn integer(number: &[u8]) -> Option<u64> {
    number.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
