//! Decoding a chunked body (RFC 9112, section 7.1), in whatever pieces it comes.
//!
//! Owns no buffer: bytes go from the input to the output as they come. Extensions and trailers are read over, within
//! bounds. Invariant: the output does not depend on how the input was cut.

/// Chunk extensions carry nothing; some servers send a few bytes of them.
const MAX_EXTENSION_BYTES: usize = 256;
const MAX_TRAILER_BYTES: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    SizeStart,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    /// Bytes of the present chunk still to come.
    left: u64,
    /// Bytes of extension in this line, or of all trailers.
    skipped: usize,
}

// === impl Chunks ===

impl Chunks {
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decode into `out`; how many bytes were used. Those after the end of the body are left alone.
    pub(crate) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, &'static str> {
        let mut at = 0;
        while at < input.len() && !self.is_done() {
            if self.state == State::Data {
                let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len() - at);
                out.extend_from_slice(&input[at..at + len]);
                at += len;
                self.left -= len as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
            } else {
                self.state = self.step(input[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, &'static str> {
        Ok(match (self.state, byte) {
            (State::SizeStart | State::Size, digit) if digit.is_ascii_hexdigit() => self.digit(digit)?,
            (State::Size, b';' | b' ' | b'\t') => self.skip(State::Extension, MAX_EXTENSION_BYTES)?,
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::SizeLf, b'\n') => self.begin(),
            (State::Extension, byte) if is_text(byte) => self.skip(State::Extension, MAX_EXTENSION_BYTES)?,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::TrailerStart | State::Trailer, byte) if is_text(byte) => {
                self.skip(State::Trailer, MAX_TRAILER_BYTES)?
            }
            (State::EndLf, b'\n') => State::Done,
            _ => return Err("the chunks of the body are malformed"),
        })
    }

    fn digit(&mut self, digit: u8) -> Result<State, &'static str> {
        let value = char::from(digit).to_digit(16).map_or(0, u64::from);
        self.left = self.left.checked_mul(16).ok_or("a chunk without bounds")? | value;
        Ok(State::Size)
    }

    fn skip(&mut self, next: State, limit: usize) -> Result<State, &'static str> {
        self.skipped += 1;
        if self.skipped > limit { Err("chunk extensions or trailers over the limit") } else { Ok(next) }
    }

    fn begin(&mut self) -> State {
        self.skipped = 0;
        if self.left == 0 { State::TrailerStart } else { State::Data }
    }
}

/// What may stand in an extension or a trailer: no control characters, so no lone CR or LF.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Outcome = (Result<usize, &'static str>, bool, Vec<u8>);

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let (mut chunks, mut out, mut used) = (Chunks::default(), Vec::new(), 0);
        for piece in pieces {
            match chunks.feed(piece, &mut out) {
                Ok(len) => used += len,
                Err(error) => return (Err(error), false, out),
            }
        }
        (Ok(used), chunks.is_done(), out)
    }

    fn encode(chunks: &[(Vec<u8>, String)], trailers: &str) -> Vec<u8> {
        let mut wire = Vec::new();
        for (data, extension) in chunks {
            wire.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
            wire.extend_from_slice(data);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        wire
    }

    fn well_formed() -> impl Strategy<Value = (Vec<(Vec<u8>, String)>, String)> {
        let chunk = (prop::collection::vec(any::<u8>(), 1..40), "(;[a-z=\" ]{0,9})?");
        (prop::collection::vec(chunk, 0..6), "([a-z-]{1,6}: [ -~]{0,9}\r\n){0,2}")
    }

    proptest! {
        /// Decoding gives back what was encoded, whole or byte by byte, and leaves what follows the body alone.
        #[test]
        fn inverts_the_encoding((chunks, trailers) in well_formed(), rest in "[ -~]{0,5}") {
            let mut wire = encode(&chunks, &trailers);
            let len = wire.len();
            wire.extend_from_slice(rest.as_bytes());
            let data: Vec<u8> = chunks.iter().flat_map(|(data, _)| data.clone()).collect();
            prop_assert_eq!(decode([wire.as_slice()]), (Ok(len), true, data.clone()));
            prop_assert_eq!(decode(wire.chunks(1)), (Ok(len), true, data));
        }

        /// The outcome does not depend on how the bytes were cut, whatever the bytes are.
        #[test]
        fn cuts_change_nothing(
            (chunks, trailers) in well_formed(),
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            step in 1_usize..9,
        ) {
            let mut wire = encode(&chunks, &trailers);
            for (at, byte) in hits {
                let at = at.index(wire.len());
                wire[at] = byte;
            }
            prop_assert_eq!(decode(wire.chunks(step)), decode([wire.as_slice()]));
        }
    }

    #[test]
    fn refuses_malformed_chunks() {
        for wire in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "0x5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5\nhello",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5;a\nb\r\nhello\r\n",
            "11111111111111111\r\n",
            "0\r\n\n",
            "0\r\na: b\n\r\n",
        ] {
            assert!(decode([wire.as_bytes()]).0.is_err(), "{wire:?}");
        }
        assert!(decode([format!("5;{}", "x".repeat(300)).as_bytes()]).0.is_err());
        assert!(decode([format!("0\r\n{}", "a: b\r\n".repeat(3000)).as_bytes()]).0.is_err());
    }

    #[test]
    fn is_not_done_before_the_end() {
        let wire = encode(&[(b"hello".to_vec(), String::new())], "a: b\r\n");
        for end in 0..wire.len() {
            let (used, done, _) = decode([&wire[..end]]);
            assert_eq!((used, done), (Ok(end), false), "{end}");
        }
    }
}
