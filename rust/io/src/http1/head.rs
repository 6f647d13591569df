//! Reading the head of an HTTP/1.1 answer, in whatever pieces it comes, and what it says about the body.
//!
//! Strict where leniency has been used to smuggle: CRLF only, no folded lines, one framing. Interim answers are
//! skipped. Invariant: the outcome does not depend on how the bytes were cut.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Status};
use memchr::memchr_iter;

use crate::head::{Head, MAX_HEADERS};

const PREFIX: &[u8] = b"HTTP/1.";
const MAX_INTERIM: u8 = 8;

/// How the body is delimited (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A whole head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) head: Head,
    pub(crate) framing: Framing,
    /// The connection may carry another exchange after this one.
    pub(crate) keep_alive: bool,
}

pub(crate) struct HeadReader {
    limit: usize,
    answers_head: bool,
    /// What has come of a head that is not complete.
    partial: Vec<u8>,
    interim: u8,
}

// === impl HeadReader ===

impl HeadReader {
    /// `limit` bounds one head in bytes. `answers_head`: the request was a HEAD, so there is no body.
    pub(crate) fn new(limit: usize, answers_head: bool) -> Self {
        Self { limit, answers_head, partial: Vec::new(), interim: 0 }
    }

    /// Whether any byte of an answer has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.partial.is_empty() || self.interim > 0
    }

    /// Take the next bytes. When they complete the head: what it says, and how many of them belong to it.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Result<Option<(Parsed, usize)>, &'static str> {
        let mut used = 0;
        loop {
            let Some((head, len)) = self.feed_one(&input[used..])? else { return Ok(None) };
            used += len;
            if head.head.status() >= 200 {
                return Ok(Some((head, used)));
            }
            self.interim += 1;
            if head.head.status() == 101 || self.interim > MAX_INTERIM {
                return Err("an interim answer that was not asked for");
            }
        }
    }

    fn feed_one(&mut self, input: &[u8]) -> Result<Option<(Parsed, usize)>, &'static str> {
        let known = self.partial.len();
        let head = if known == 0 {
            input
        } else {
            self.partial.extend_from_slice(input);
            &self.partial
        };
        let end = end_of_head(head, known)?;
        if end.unwrap_or(head.len()) > self.limit {
            return Err("the head is over the limit");
        }
        let Some(end) = end else {
            if known == 0 {
                self.partial.extend_from_slice(input);
            }
            return Ok(None);
        };
        let parsed = parse(&head[..end], self.answers_head)?;
        self.partial = Vec::new();
        Ok(Some((parsed, end - known)))
    }
}

/// Where the head ends, looking at the bytes from `known` on. An error as soon as this cannot become a head.
fn end_of_head(bytes: &[u8], known: usize) -> Result<Option<usize>, &'static str> {
    let begins = bytes.len().min(PREFIX.len());
    if bytes[..begins] != PREFIX[..begins] {
        return Err("the answer is not HTTP/1.1");
    }
    for at in memchr_iter(b'\n', &bytes[known..]).map(|at| known + at) {
        if !bytes[..at].ends_with(b"\r") {
            return Err("a line of the head does not end in CRLF");
        }
        if bytes[..at].ends_with(b"\r\n\r") {
            return Ok(Some(at + 1));
        }
    }
    Ok(None)
}

fn parse(bytes: &[u8], answers_head: bool) -> Result<Parsed, &'static str> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    match ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
        Ok(Status::Complete(len)) if len == bytes.len() => {}
        Ok(_) => return Err("the head does not end where its lines do"),
        Err(httparse::Error::TooManyHeaders) => return Err("more than 100 headers"),
        Err(_) => return Err("the head is malformed"),
    }
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err("the head is malformed");
    };
    let mut head = Head::new(status, bytes.len());
    let mut fields = Fields::default();
    for header in response.headers.iter() {
        fields.see(header)?;
        head.push(header.name, header.value);
    }
    let framing = fields.framing(version, status, answers_head)?;
    let keep_alive = version == 1 && !fields.close && framing != Framing::UntilClose;
    Ok(Parsed { head, framing, keep_alive })
}

/// The headers that concern the connection rather than the caller.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
    close: bool,
}

impl Fields {
    fn see(&mut self, header: &httparse::Header<'_>) -> Result<(), &'static str> {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("content-length") {
            if self.length.is_some() {
                return Err("more than one content-length");
            }
            self.length = Some(length(value).ok_or("a content-length that is not a number")?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err("a transfer-encoding other than chunked");
            }
            self.chunked = true;
        } else if header.name.eq_ignore_ascii_case("connection") {
            let mut options = value.split(|byte| *byte == b',');
            self.close |= options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
        }
        Ok(())
    }

    fn framing(&self, version: u8, status: u16, answers_head: bool) -> Result<Framing, &'static str> {
        if self.chunked && (version == 0 || self.length.is_some()) {
            return Err("two ways of telling where the body ends");
        }
        if answers_head || matches!(status, 100..=199 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        Ok(match (self.chunked, self.length) {
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::UntilClose,
        })
    }
}

/// Digits only: no sign, no list, nothing over 19 digits.
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Outcome = Result<Option<(Parsed, usize)>, &'static str>;

    fn whole(bytes: &[u8]) -> Outcome {
        HeadReader::new(4096, false).feed(bytes)
    }

    /// The same bytes in pieces; the used length is counted over all of them.
    fn pieces(bytes: &[u8], cuts: &[prop::sample::Index]) -> Outcome {
        let mut reader = HeadReader::new(4096, false);
        let mut cuts: Vec<_> =
            cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        for window in cuts.windows(2) {
            if let Some((parsed, used)) = reader.feed(&bytes[window[0]..window[1]])? {
                return Ok(Some((parsed, window[0] + used)));
            }
        }
        Ok(None)
    }

    fn head_like() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            Just("HTTP/1.1 200 OK".to_owned()),
            Just("HTTP/1.1 100 Continue\r\n".to_owned()),
            Just("HTTP/1.0 404 Not Found".to_owned()),
            Just("content-length: 12".to_owned()),
            Just("Transfer-Encoding: chunked".to_owned()),
            Just(" folded".to_owned()),
            "[a-zA-Z-]{1,8}: [ -~]{0,12}",
        ];
        let end = prop_oneof![20 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\0")];
        (prop::collection::vec((line, end), 0..8), "[ -~\r\n]{0,16}").prop_map(|(lines, rest)| {
            let text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
            format!("HTTP/1.1 200 OK\r\n{text}\r\n{rest}").into_bytes()
        })
    }

    proptest! {
        /// The outcome does not depend on how the bytes were cut.
        #[test]
        fn cuts_change_nothing(bytes in head_like(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            prop_assert_eq!(pieces(&bytes, &cuts), whole(&bytes));
        }

        /// Any bytes give an answer, never a panic, and a head never claims bytes that did not come.
        #[test]
        fn survives_anything(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for bytes in [bytes.clone(), [PREFIX, &bytes].concat()] {
                if let Ok(Some((_, used))) = whole(&bytes) {
                    prop_assert!(used <= bytes.len());
                }
            }
        }
    }

    #[test]
    fn tells_the_framing() {
        for (lines, framing, keep_alive) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Framing::Length(5), true),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n", Framing::Chunked, true),
            ("HTTP/1.1 200 OK\r\n", Framing::UntilClose, false),
            ("HTTP/1.1 204 No Content\r\n", Framing::Length(0), true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: foo, Close\r\n", Framing::Length(5), false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n", Framing::Length(5), false),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 200\r\ncontent-length: 0\r\n",
                Framing::Length(0),
                true,
            ),
        ] {
            let bytes = format!("{lines}\r\nbody");
            let found = whole(bytes.as_bytes());
            let found =
                found.map(|found| found.map(|(parsed, used)| (parsed.framing, parsed.keep_alive, used)));
            assert_eq!(found, Ok(Some((framing, keep_alive, bytes.len() - 4))), "{lines}");
        }
    }

    #[test]
    fn refuses_what_is_not_strict_http() {
        for bytes in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\na: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "SSH-2.0-OpenSSH",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "<html>",
        ] {
            assert!(whole(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn bounds_the_head() {
        let endless = [b"HTTP/1.1 200 OK\r\na: ".as_slice(), &[b'x'; 5000]].concat();
        assert!(whole(&endless).is_err());
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
        assert!(whole(many.as_bytes()).is_err());
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(9);
        assert!(whole(interim.as_bytes()).is_err());
    }
}
