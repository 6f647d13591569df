//! The requests: bodies from a JSON-lines file, taken in turn, ready to be sent, each with its number stamped in where
//! the file asks for it, so that no prompt need ever come twice.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;

const MARK: &[u8] = b"@@@@@@@@";

pub struct Target<'a> {
    pub address: SocketAddr,
    pub path: &'a str,
    pub headers: &'a [String],
}

pub struct Bodies {
    requests: Vec<Prepared>,
    number: u64,
}

struct Prepared {
    bytes: Vec<u8>,
    /// Where the number goes.
    mark: Option<std::ops::Range<usize>>,
}

// === impl Bodies ===

impl Bodies {
    pub fn read(file: &Path, target: &Target<'_>, first_number: u64) -> io::Result<Self> {
        Self::new(&std::fs::read(file)?, target, first_number)
    }

    fn new(lines: &[u8], target: &Target<'_>, first_number: u64) -> io::Result<Self> {
        let requests: Vec<Prepared> = lines
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| Prepared::new(line, target))
            .collect();
        if requests.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the file of bodies is empty"));
        }
        Ok(Self { requests, number: first_number })
    }

    /// Head and body of the next request.
    pub fn next_request(&mut self) -> &[u8] {
        let place = (self.number % self.requests.len() as u64) as usize;
        let prepared = &mut self.requests[place];
        if let Some(mark) = prepared.mark.clone() {
            let mut left = self.number;
            for digit in prepared.bytes[mark].iter_mut().rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
        self.number += 1;
        &prepared.bytes
    }
}

// === impl Prepared ===

impl Prepared {
    fn new(body: &[u8], target: &Target<'_>) -> Self {
        let mut bytes = Vec::with_capacity(body.len() + 512);
        let _ = write!(bytes, "POST {} HTTP/1.1\r\nHost: {}\r\n", target.path, target.address);
        let _ =
            write!(bytes, "Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: aigate-bench\r\n");
        for header in target.headers {
            let _ = write!(bytes, "{header}\r\n");
        }
        let _ = write!(bytes, "Content-Length: {}\r\n\r\n", body.len());
        let head = bytes.len();
        bytes.extend_from_slice(body);
        let mark = memchr::memmem::find(body, MARK).map(|at| {
            let length = body[at..].iter().take_while(|&&b| b == b'@').count();
            head + at..head + at + length
        });
        Self { bytes, mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(lines: &str, first: u64) -> Bodies {
        let headers = ["Authorization: Bearer k".to_owned()];
        let target = Target { address: ([127, 0, 0, 1], 80).into(), path: "/p", headers: &headers };
        Bodies::new(lines.as_bytes(), &target, first).unwrap()
    }

    fn body(request: &[u8]) -> String {
        let text = String::from_utf8(request.to_vec()).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    #[test]
    fn bodies_are_taken_in_turn() {
        let mut bodies = bodies("{1}\n{2}\n", 1);
        let seen: Vec<String> = (0..3).map(|_| body(bodies.next_request())).collect();
        assert_eq!(seen, ["{2}", "{1}", "{2}"]);
    }

    #[test]
    fn numbers_never_repeat_and_keep_the_length() {
        let mut bodies = bodies("a@@@@@@@@b\nc@@@@@@@@@d", 99);
        assert_eq!(body(bodies.next_request()), "c000000099d");
        assert_eq!(body(bodies.next_request()), "a00000100b");
        assert_eq!(body(bodies.next_request()), "c000000101d");
    }

    #[test]
    fn the_head_names_the_length_and_the_headers() {
        let mut bodies = bodies("{}", 0);
        let text = String::from_utf8(bodies.next_request().to_vec()).unwrap();
        assert!(text.starts_with("POST /p HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"), "{text}");
        assert!(text.contains("\r\nAuthorization: Bearer k\r\n"));
        assert!(text.contains("\r\nContent-Length: 2\r\n"));
    }

    #[test]
    fn an_empty_file_is_refused() {
        let target = Target { address: ([127, 0, 0, 1], 80).into(), path: "/", headers: &[] };
        assert!(Bodies::new(b"\n\n", &target, 0).is_err());
    }
}
