//! One keep-alive connection: at most one request on it at a time.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::response::{Progress, ResponseReader};
use crate::poller::{Poller, prepare};

pub struct Connection {
    socket: TcpStream,
    address: SocketAddr,
    exchange: Option<Exchange>,
}

struct Exchange {
    due: Instant,
    reader: ResponseReader,
    first_byte: Option<Instant>,
}

/// A complete answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub due: Instant,
    pub latency: Duration,
    pub first_byte: Duration,
    pub status: u16,
    pub events: u64,
    /// `[DONE]` was the last event; always true for an answer that is not a stream.
    pub complete: bool,
    pub body_bytes: u64,
    /// The server will close the connection.
    pub closing: bool,
}

pub enum Step {
    Waiting,
    Answered(Answer),
    Failed(String),
    /// The server closed a connection that was not in use.
    ClosedIdle,
}

// === impl Connection ===

impl Connection {
    pub fn open(address: SocketAddr, poller: &Poller, key: usize) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        prepare(&socket)?;
        poller.add(&socket, key)?;
        Ok(Self { socket, address, exchange: None })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn send(&mut self, request: &[u8], due: Instant) -> io::Result<()> {
        let sent = self.socket.write(request)?;
        if sent < request.len() {
            return Err(io::Error::new(
                io::ErrorKind::WriteZero,
                "a request did not fit the socket's buffer",
            ));
        }
        self.exchange = Some(Exchange { due, reader: ResponseReader::new(), first_byte: None });
        Ok(())
    }

    pub fn receive(&mut self, scratch: &mut [u8]) -> Step {
        let read = match self.socket.read(scratch) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Waiting,
            Err(error) if self.exchange.is_some() => return Step::Failed(error.to_string()),
            Err(_) => return Step::ClosedIdle,
        };
        let Some(exchange) = self.exchange.as_mut() else {
            return if read == 0 {
                Step::ClosedIdle
            } else {
                Step::Failed("bytes nobody asked for".to_owned())
            };
        };
        let now = Instant::now();
        let first_byte = *exchange.first_byte.get_or_insert(now);
        let progress = if read == 0 { exchange.reader.end() } else { exchange.reader.feed(&scratch[..read]) };
        match progress {
            Ok(Progress::More) => Step::Waiting,
            Ok(Progress::Done) => {
                let (due, reader) = (exchange.due, &exchange.reader);
                let answer = Answer {
                    due,
                    latency: now - due,
                    first_byte: first_byte - due,
                    status: reader.status(),
                    events: reader.events().count(),
                    complete: reader.is_complete(),
                    body_bytes: reader.body_bytes(),
                    closing: read == 0 || reader.closing(),
                };
                self.exchange = None;
                Step::Answered(answer)
            }
            Err(error) => Step::Failed(error.to_string()),
        }
    }
}
