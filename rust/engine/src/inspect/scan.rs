//! A forward scanner over JSON text, strict to RFC 8259.
//!
//! Owns the grammar and its bounds (depth, number of values). Does not own what members mean: readers drive it value by
//! value and skip what they do not need. Invariant: it reads every byte once, allocates nothing, and what it has walked
//! over without an error is well-formed.

use std::{borrow::Cow, fmt, ops::Range};

use super::escape::{Lone, escape_lengths, plain_run, unescape};

/// Containers that may be open at once.
pub const MAX_DEPTH: u32 = 64;

/// Values a body may hold for each MiB of it, and at least: a tree of them costs a parser far more than their bytes.
const MAX_NODES_PER_MIB: usize = 100_000;

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    NotUtf8,
    ByteOrderMark,
    TooLong,
    NotAnObject,
    UnexpectedEnd,
    ExpectedValue,
    ExpectedKey,
    ExpectedColon,
    ExpectedCommaOrEnd,
    ControlCharacter,
    InvalidEscape,
    InvalidNumber,
    TrailingBytes,
    TooDeep,
    TooManyValues,
}

/// What is wrong with a text as JSON, and where. Tells nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flaw} at byte {offset}")]
pub struct SyntaxError {
    pub flaw: Flaw,
    /// Bytes before the place of the flaw.
    pub offset: usize,
}

/// What a value is, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// A string, by the bytes between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal {
    pub start: u32,
    pub end: u32,
    /// Its length in UTF-8 once unescaped; a lone surrogate counts three.
    pub decoded: u32,
}

pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    nodes_left: usize,
}

type Scanned<T> = Result<T, SyntaxError>;

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotUtf8 => "not UTF-8",
            Self::ByteOrderMark => "a byte order mark, which JSON does not allow,",
            Self::TooLong => "too long",
            Self::NotAnObject => "not a JSON object",
            Self::UnexpectedEnd => "malformed JSON: it ends too early",
            Self::ExpectedValue => "malformed JSON: expected a value",
            Self::ExpectedKey => "malformed JSON: expected a member name in double quotes",
            Self::ExpectedColon => "malformed JSON: expected a colon",
            Self::ExpectedCommaOrEnd => "malformed JSON: expected a comma or the closing bracket",
            Self::ControlCharacter => "malformed JSON: unescaped control character in a string",
            Self::InvalidEscape => "malformed JSON: invalid escape in a string",
            Self::InvalidNumber => "malformed JSON: invalid number",
            Self::TrailingBytes => "malformed JSON: something follows the value",
            Self::TooDeep => "nested deeper than 64 levels",
            Self::TooManyValues => "more values than a body of this size may hold",
        })
    }
}

impl Literal {
    /// Any stretch of JSON text, as if it were a string without escapes.
    pub(crate) fn json(raw: &Range<usize>) -> Self {
        let (start, end) = (place(raw.start), place(raw.end));
        Self { start, end, decoded: end - start }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// With the quotes.
    pub(crate) fn outer_range(self) -> Range<usize> {
        self.start as usize - 1..self.end as usize + 1
    }

    /// Every escape is longer than what it stands for.
    pub(crate) fn is_escaped(self) -> bool {
        self.decoded != self.end - self.start
    }

    /// What it stands for, given the text it was read from; a lone surrogate reads as U+FFFD.
    #[inline]
    pub(crate) fn text(self, text: &[u8]) -> Cow<'_, [u8]> {
        let raw = &text[self.range()];
        if self.is_escaped() { Cow::Owned(unescaped(raw, self.decoded)) } else { Cow::Borrowed(raw) }
    }
}

/// A place in a text that was checked by [`checked`] to be shorter than 4 GiB.
fn place(offset: usize) -> u32 {
    offset as u32
}

/// `bytes`, when they are UTF-8, without a byte order mark, and shorter than 4 GiB.
pub(crate) fn checked(bytes: &[u8]) -> Scanned<&[u8]> {
    let flawed = |flaw, offset| Err(SyntaxError { flaw, offset });
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return flawed(Flaw::ByteOrderMark, 0);
    }
    if u32::try_from(bytes.len()).is_err() {
        return flawed(Flaw::TooLong, u32::MAX as usize);
    }
    match simdutf8::compat::from_utf8(bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => flawed(Flaw::NotUtf8, error.valid_up_to()),
    }
}

impl<'a> Scanner<'a> {
    /// Over a text that passed [`checked`], with the number of values in proportion to its length.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let in_proportion = (bytes.len() as u64 * MAX_NODES_PER_MIB as u64) >> 20;
        Self { bytes, at: 0, depth: 0, nodes_left: (in_proportion as usize).max(MAX_NODES_PER_MIB) }
    }

    /// Over a text of which nothing will be kept per value, such as an answer full of numbers.
    pub(crate) fn unmetered(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0, nodes_left: usize::MAX }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What a string read from this text stands for; a lone surrogate in it reads as U+FFFD.
    #[inline]
    pub(crate) fn text(&self, literal: Literal) -> Cow<'a, [u8]> {
        literal.text(self.bytes)
    }

    /// The end of what has been read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The kind of the next value; afterwards `at` is its first byte.
    pub(crate) fn peek(&mut self) -> Scanned<Kind> {
        match self.next_byte()? {
            b'{' => Ok(Kind::Object),
            b'[' => Ok(Kind::Array),
            b'"' => Ok(Kind::String),
            b'-' | b'0'..=b'9' => Ok(Kind::Number),
            b't' | b'f' => Ok(Kind::Bool),
            b'n' => Ok(Kind::Null),
            _ => Err(self.flawed(Flaw::ExpectedValue)),
        }
    }

    /// Nothing but white space is left.
    pub(crate) fn end(&mut self) -> Scanned<()> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.flawed(Flaw::TrailingBytes)) }
    }

    /// Read the object that [`Scanner::peek`] has announced; `read` must consume the value of each member.
    /// The number of members.
    pub(crate) fn members<E: From<SyntaxError>>(
        &mut self,
        mut read: impl FnMut(&mut Self, Literal) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.open()?;
        let mut count = 0;
        while self.next_byte()? != b'}' {
            if count > 0 {
                self.comma()?;
            }
            let name = self.member_name()?;
            read(self, name)?;
            count += 1;
        }
        self.close();
        Ok(count)
    }

    /// Read the array that [`Scanner::peek`] has announced; `read` must consume each element, of which it has the index.
    /// The number of elements.
    pub(crate) fn elements<E: From<SyntaxError>>(
        &mut self,
        mut read: impl FnMut(&mut Self, usize) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.open()?;
        let mut count = 0;
        while self.next_byte()? != b']' {
            if count > 0 {
                self.comma()?;
            }
            read(self, count)?;
            count += 1;
        }
        self.close();
        Ok(count)
    }

    /// The string that [`Scanner::peek`] has announced.
    pub(crate) fn string(&mut self) -> Scanned<Literal> {
        self.count_node()?;
        self.literal()
    }

    /// Walk over one value, whatever it is; where it is.
    pub(crate) fn raw(&mut self) -> Scanned<Range<usize>> {
        self.skip_space();
        let start = self.at;
        self.skip()?;
        Ok(start..self.at)
    }

    /// Walk over one value, whatever it is.
    pub(crate) fn skip(&mut self) -> Scanned<()> {
        let outside = self.depth;
        let mut objects = 0_u64; // one bit for each container entered here, the innermost lowest: set for an object
        loop {
            match self.peek()? {
                Kind::Object => {
                    self.open()?;
                    objects = (objects << 1) | 1;
                    if self.next_byte()? != b'}' {
                        self.member_name()?;
                        continue;
                    }
                }
                Kind::Array => {
                    self.open()?;
                    objects <<= 1;
                    if self.next_byte()? != b']' {
                        continue;
                    }
                }
                Kind::String => self.string().map(|_| ())?,
                Kind::Number => self.number().map(|_| ())?,
                Kind::Bool | Kind::Null => self.word()?,
            }
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                match (self.next_byte()?, objects & 1) {
                    (b'}', 1) | (b']', 0) => {
                        self.close();
                        objects >>= 1;
                    }
                    (_, 1) => {
                        self.comma()?;
                        self.member_name()?;
                        break;
                    }
                    _ => {
                        self.comma()?;
                        break;
                    }
                }
            }
        }
    }

    /// The bytes of the number that [`Scanner::peek`] has announced.
    pub(crate) fn number(&mut self) -> Scanned<Range<usize>> {
        self.count_node()?;
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(start..self.at)
    }

    fn digits(&mut self) -> Scanned<()> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.flawed(Flaw::InvalidNumber)) }
    }

    fn word(&mut self) -> Scanned<()> {
        self.count_node()?;
        let rest = &self.bytes[self.at..];
        let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word));
        let Some(word) = word else {
            return Err(self.flawed(Flaw::ExpectedValue));
        };
        self.at += word.len();
        Ok(())
    }

    fn member_name(&mut self) -> Scanned<Literal> {
        if self.next_byte()? != b'"' {
            return Err(self.flawed(Flaw::ExpectedKey));
        }
        let name = self.literal()?;
        if self.next_byte()? != b':' {
            return Err(self.flawed(Flaw::ExpectedColon));
        }
        self.at += 1;
        Ok(name)
    }

    fn comma(&mut self) -> Scanned<()> {
        if self.next_byte()? != b',' {
            return Err(self.flawed(Flaw::ExpectedCommaOrEnd));
        }
        self.at += 1;
        Ok(())
    }

    fn open(&mut self) -> Scanned<()> {
        self.count_node()?;
        if self.depth == MAX_DEPTH {
            return Err(self.flawed(Flaw::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn count_node(&mut self) -> Scanned<()> {
        let Some(left) = self.nodes_left.checked_sub(1) else {
            return Err(self.flawed(Flaw::TooManyValues));
        };
        self.nodes_left = left;
        Ok(())
    }

    fn literal(&mut self) -> Scanned<Literal> {
        let start = self.at + 1;
        let mut end = start;
        let mut shortened = 0;
        loop {
            end += plain_run(&self.bytes[end..]);
            match self.bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let Some((written, decoded)) = escape_lengths(&self.bytes[end..]) else {
                        return Err(SyntaxError { flaw: Flaw::InvalidEscape, offset: end });
                    };
                    end += written;
                    shortened += written - decoded;
                }
                Some(_) => return Err(SyntaxError { flaw: Flaw::ControlCharacter, offset: end }),
                None => return Err(SyntaxError { flaw: Flaw::UnexpectedEnd, offset: end }),
            }
        }
        self.at = end + 1;
        Ok(Literal { start: place(start), end: place(end), decoded: place(end - start - shortened) })
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is not white space, not yet consumed.
    #[inline]
    fn next_byte(&mut self) -> Scanned<u8> {
        self.skip_space();
        self.byte().ok_or_else(|| self.flawed(Flaw::UnexpectedEnd))
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[cold]
    fn flawed(&self, flaw: Flaw) -> SyntaxError {
        let flaw = if self.at == self.bytes.len() { Flaw::UnexpectedEnd } else { flaw };
        SyntaxError { flaw, offset: self.at }
    }
}

#[cold]
fn unescaped(raw: &[u8], length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length as usize);
    unescape(raw, Lone::Replaced, &mut bytes);
    bytes
}
