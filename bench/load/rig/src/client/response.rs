//! One HTTP/1.1 response, fed as it arrives. Bodies are counted, not kept.
//!
//! Invariant: the same result for every way the bytes are cut; bytes after the end of the response are an error.

use super::events::EventCounter;

const MAX_HEADERS: usize = 64;
const MAX_HEAD: usize = 64 * 1024;

#[derive(Debug)]
pub struct ResponseReader {
    state: State,
    /// The head while it is not whole, then the size line of a chunk while that is not whole.
    partial: Vec<u8>,
    status: u16,
    closing: bool,
    is_stream: bool,
    body_bytes: u64,
    events: EventCounter,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Head,
    Fixed {
        left: u64,
    },
    UntilClose,
    ChunkSize,
    ChunkData {
        left: u64,
    },
    /// The line end after a chunk's data.
    ChunkEnd,
    Trailers,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    More,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadResponse {
    #[error("not an HTTP/1.1 response")]
    Head,
    #[error("the length of the body makes no sense")]
    Length,
    #[error("a broken chunk")]
    Chunk,
    #[error("the connection ended inside a response")]
    Cut,
    #[error("bytes after the end of the response")]
    Excess,
}

// === impl ResponseReader ===

impl ResponseReader {
    pub fn new() -> Self {
        Self {
            state: State::Head,
            partial: Vec::new(),
            status: 0,
            closing: false,
            is_stream: false,
            body_bytes: 0,
            events: EventCounter::default(),
        }
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn closing(&self) -> bool {
        self.closing
    }

    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub fn events(&self) -> &EventCounter {
        &self.events
    }

    pub fn is_complete(&self) -> bool {
        self.state == State::Done && (!self.is_stream || self.events.done())
    }

    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<Progress, BadResponse> {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Head => self.head(bytes)?,
                State::Fixed { left } => {
                    let used = self.body(bytes, left);
                    let left = left - used as u64;
                    self.state = if left == 0 { State::Done } else { State::Fixed { left } };
                    used
                }
                State::UntilClose => self.body(bytes, u64::MAX),
                State::ChunkData { left } => {
                    let used = self.body(bytes, left);
                    let left = left - used as u64;
                    self.state = if left == 0 { State::ChunkEnd } else { State::ChunkData { left } };
                    used
                }
                State::ChunkSize | State::ChunkEnd | State::Trailers => self.line(bytes)?,
                State::Done => return Err(BadResponse::Excess),
            };
            bytes = &bytes[used..];
        }
        Ok(if self.state == State::Done { Progress::Done } else { Progress::More })
    }

    /// The connection has ended.
    pub fn end(&mut self) -> Result<Progress, BadResponse> {
        if self.state != State::UntilClose {
            return Err(BadResponse::Cut);
        }
        self.state = State::Done;
        Ok(Progress::Done)
    }

    fn head(&mut self, bytes: &[u8]) -> Result<usize, BadResponse> {
        let before = self.partial.len();
        let joined;
        let all = if before == 0 {
            bytes
        } else {
            self.partial.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.partial);
            &joined
        };
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = head.parse(all).map_err(|_| BadResponse::Head)? else {
            if all.len() > MAX_HEAD {
                return Err(BadResponse::Head);
            }
            self.partial = all.to_vec();
            return Ok(bytes.len());
        };
        self.status = head.code.unwrap_or_default();
        self.state = self.framing(head.headers)?;
        Ok(length - before)
    }

    fn framing(&mut self, headers: &[httparse::Header<'_>]) -> Result<State, BadResponse> {
        let mut state = State::UntilClose;
        for header in headers {
            let value = std::str::from_utf8(header.value).map_err(|_| BadResponse::Head)?;
            match header.name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    let left = value.parse().map_err(|_| BadResponse::Length)?;
                    state = if left == 0 { State::Done } else { State::Fixed { left } };
                }
                "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => state = State::ChunkSize,
                "transfer-encoding" => return Err(BadResponse::Length),
                "content-type" => self.is_stream = value.starts_with("text/event-stream"),
                "connection" => self.closing = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        Ok(state)
    }

    /// Counts up to `left` bytes of the body; how many were there.
    fn body(&mut self, bytes: &[u8], left: u64) -> usize {
        let used = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.body_bytes += used as u64;
        if self.is_stream {
            self.events.feed(&bytes[..used]);
        }
        used
    }

    /// A line of the chunked framing: a size, the end of a chunk, or a trailer.
    fn line(&mut self, bytes: &[u8]) -> Result<usize, BadResponse> {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.partial.extend_from_slice(bytes);
            return if self.partial.len() > MAX_HEAD { Err(BadResponse::Chunk) } else { Ok(bytes.len()) };
        };
        self.partial.extend_from_slice(&bytes[..end]);
        let line = self.partial.strip_suffix(b"\r").ok_or(BadResponse::Chunk)?;
        self.state = match self.state {
            State::ChunkSize => match chunk_size(line)? {
                0 => State::Trailers,
                left => State::ChunkData { left },
            },
            State::ChunkEnd if line.is_empty() => State::ChunkSize,
            State::Trailers if line.is_empty() => State::Done,
            State::Trailers => State::Trailers,
            _ => return Err(BadResponse::Chunk),
        };
        self.partial.clear();
        Ok(end + 1)
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, BadResponse> {
    let digits = line.split(|&b| b == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits).map_err(|_| BadResponse::Chunk)?.trim();
    u64::from_str_radix(text, 16).map_err(|_| BadResponse::Chunk)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
                          9\r\ndata: a\n\n\r\n12;x=y\r\ndata: bcdefghijk\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\nT: 1\r\n\r\n";
    const PLAIN: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";

    fn read(parts: &[&[u8]]) -> Result<(Progress, u16, u64, u64, bool), BadResponse> {
        let mut reader = ResponseReader::new();
        let mut progress = Progress::More;
        for part in parts {
            progress = reader.feed(part)?;
        }
        Ok((progress, reader.status(), reader.body_bytes(), reader.events().count(), reader.is_complete()))
    }

    #[test]
    fn whole_responses_are_read() {
        assert_eq!(read(&[PLAIN.as_bytes()]), Ok((Progress::Done, 200, 7, 0, true)));
        assert_eq!(read(&[STREAM.as_bytes()]), Ok((Progress::Done, 200, 41, 3, true)));
    }

    #[test]
    fn every_cut_in_two_reads_the_same() {
        for text in [PLAIN, STREAM] {
            let bytes = text.as_bytes();
            for cut in 0..bytes.len() {
                assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), read(&[bytes]), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_stream_without_done_is_not_complete() {
        let text = STREAM.replace("[DONE]", "[GONE]");
        assert_eq!(read(&[text.as_bytes()]), Ok((Progress::Done, 200, 41, 3, false)));
    }

    #[test]
    fn lies_are_told_apart() {
        assert_eq!(read(&[b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]), Err(BadResponse::Length));
        assert_eq!(read(&[PLAIN.as_bytes(), b"!"]), Err(BadResponse::Excess));
        assert_eq!(read(&[b"what?\r\n\r\n"]), Err(BadResponse::Head));
        assert_eq!(
            read(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]),
            Err(BadResponse::Chunk)
        );
        assert_eq!(ResponseReader::new().end(), Err(BadResponse::Cut));
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        let mut reader = ResponseReader::new();
        assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"), Ok(Progress::More));
        assert_eq!(reader.end(), Ok(Progress::Done));
        assert!(reader.closing() && reader.is_complete());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = ResponseReader::new();
            let _ = reader.feed(&bytes);
            let mut reader = ResponseReader::new();
            let _ = reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let _ = reader.feed(&bytes);
        }
    }
}
