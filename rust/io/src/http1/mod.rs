//! One HTTP/1.1 connection and the exchange on it.
//!
//! Owns the order of things on the wire: the request out, the head in, the body in until its end. Own code rather than
//! a library's because it is the hot path, and because "was anything of it sent" must have an exact answer (see
//! `docs/decisions/0002`). Invariant: a connection is used again only when the request was written whole, the answer
//! was read whole, and not a byte came after it.

mod chunks;
mod head;

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;

use crate::{
    Deadline, IoError, Origin, Request, client::Core, error::reason, exchange::Failure, flight::Flight,
    pool::Permit, socket::Stream,
};
use chunks::Chunks;
pub(crate) use head::HeadReader;
use head::{Framing, Parsed};

/// Reads in a row, with never a wait between them, before the event loop gets its turn.
const READS_PER_TURN: u32 = 16;

pub(crate) struct Http1 {
    stream: Stream, // before the permit: the socket is closed when the permit goes to the next
    _permit: Permit,
    idle_since: Instant,
}

/// A request on its way out.
struct Outgoing {
    head: Vec<u8>,
    body: Bytes,
    written: usize,
    state: Written,
}

#[derive(PartialEq, Eq)]
enum Written {
    Partly,
    Whole,
    /// Writing failed. The answer may be there all the same: a server that refuses a large body closes early.
    Failed,
}

enum Body {
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

// === impl Http1 ===

impl Http1 {
    pub(crate) fn new(stream: Stream, permit: Permit) -> Self {
        Self { stream, _permit: permit, idle_since: Instant::now() }
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn idle_since(&self) -> Instant {
        self.idle_since
    }

    pub(crate) fn rest(&mut self, now: Instant) {
        self.idle_since = now;
    }

    /// Whether something happened to it while it was idle.
    pub(crate) fn has_stirred(&self) -> bool {
        self.stream.readiness().has_stirred()
    }

    /// Ask the kernel whether the peer has closed, or has spoken when it was not asked: one `recv`.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.stream.readiness().doubt();
        let mut byte = [0];
        self.stream.poll_read(&mut Context::from_waker(Waker::noop()), &mut byte).is_pending()
    }

    /// Carry one exchange to the end of its answer; says whether the connection can carry another.
    pub(crate) async fn carry(
        &mut self,
        core: &Core,
        origin: &Origin,
        request: &mut Request,
        flight: &Flight,
    ) -> Result<bool, Failure> {
        let mut outgoing = Outgoing::new(origin, request);
        let (parsed, rest) = self.head(core, request, flight, &mut outgoing).await?;
        parsed.head.check().map_err(|reason| flight.invalid(reason))?;
        let mut body = Body::new(parsed.framing);
        flight.set_head(parsed.head);
        request.let_go();
        let complete = self.body(core, flight, &mut outgoing, &mut body, rest).await?;
        Ok(complete && parsed.keep_alive && outgoing.state == Written::Whole)
    }

    /// Write the request, and read until the head is complete. What came after it stands in the scratch buffer, in the
    /// range given.
    async fn head(
        &mut self,
        core: &Core,
        request: &Request,
        flight: &Flight,
        outgoing: &mut Outgoing,
    ) -> Result<(Parsed, (usize, usize)), Failure> {
        let mut reader = HeadReader::new(core.settings.max_head_bytes, request.is_head());
        loop {
            let read =
                poll_fn(|context| self.poll(context, core, flight, outgoing, core.settings.buffer_bytes))
                    .await;
            let count = match read {
                Ok(count) if count > 0 => count,
                Ok(_) if reader.has_begun() => return Err(flight.invalid("it ended within its head").into()),
                Ok(_) => return Err(Failure::before_answer(flight, "closed by the peer")),
                Err(error) => return Err(Failure::before_answer(flight, &reason(&error))),
            };
            let scratch = core.scratch.borrow();
            match reader.feed(&scratch[..count]) {
                Ok(None) => {}
                Ok(Some((parsed, used))) => return Ok((parsed, (used, count))),
                Err(reason) => return Err(flight.invalid(reason).into()),
            }
        }
    }

    /// Read the body into the flight's buffer; says whether nothing came after it.
    async fn body(
        &mut self,
        core: &Core,
        flight: &Flight,
        outgoing: &mut Outgoing,
        body: &mut Body,
        (mut from, mut to): (usize, usize),
    ) -> Result<bool, IoError> {
        let mut reads = 0; // since the peer was last waited for
        loop {
            if from < to || body.is_done() {
                let scratch = core.scratch.borrow();
                let used = flight.fill(|out| body.feed(&scratch[from..to], out))?;
                if body.is_done() {
                    return Ok(from + used == to);
                }
            }
            let room = flight.room().await;
            reads += 1;
            if reads == READS_PER_TURN {
                reads = 0;
                core.reactor.breathe().await;
            }
            flight.enter(Deadline::Idle, Instant::now());
            let read = poll_fn(|context| {
                let polled = self.poll(context, core, flight, outgoing, room);
                if polled.is_pending() {
                    reads = 0;
                }
                polled
            });
            let read = read.await;
            to = match read {
                Ok(0) if body.ends_by_closing() => return Ok(false),
                Ok(0) => return Err(flight.broke("closed by the peer")),
                Ok(count) => count,
                Err(error) => return Err(flight.broke(&reason(&error))),
            };
            from = 0;
        }
    }

    /// Write what there is to write, then read into the scratch buffer, at most `room` bytes.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        core: &Core,
        flight: &Flight,
        outgoing: &mut Outgoing,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        if outgoing.state == Written::Partly {
            outgoing.poll(context, &mut self.stream, flight)?;
        }
        let mut scratch = core.scratch.borrow_mut();
        let room = room.min(scratch.len());
        self.stream.poll_read(context, &mut scratch[..room])
    }
}

// === impl Outgoing ===

impl Outgoing {
    fn new(origin: &Origin, request: &Request) -> Self {
        let (head, body) = request.http1(origin);
        Self { head, body, written: 0, state: Written::Partly }
    }

    /// Write as much as the kernel takes. Fails only when it never took anything: then nobody has seen the request.
    fn poll(&mut self, context: &mut Context<'_>, stream: &mut Stream, flight: &Flight) -> io::Result<()> {
        let before = self.written;
        match self.poll_whole(context, stream) {
            Poll::Ready(Ok(())) => {
                self.state = Written::Whole;
                (self.head, self.body) = (Vec::new(), Bytes::new());
                flight.request_sent(Instant::now());
            }
            Poll::Ready(Err(error)) => {
                self.state = Written::Failed;
                if !flight.sent() {
                    return Err(error);
                }
            }
            Poll::Pending if self.written > before || before == 0 => {
                flight.enter(Deadline::Send, Instant::now());
            }
            Poll::Pending => {}
        }
        Ok(())
    }

    fn poll_whole(&mut self, context: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        loop {
            let in_body = self.written.saturating_sub(self.head.len());
            let head = self.head.get(self.written..).unwrap_or_default();
            let body = &self.body[in_body..];
            let written = match (head, body) {
                ([], []) => return stream.poll_flush(context),
                (head, []) => stream.poll_write(context, &[IoSlice::new(head)]),
                ([], body) => stream.poll_write(context, &[IoSlice::new(body)]),
                (head, body) => stream.poll_write(context, &[IoSlice::new(head), IoSlice::new(body)]),
            };
            match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

// === impl Body ===

impl Body {
    fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_done(),
            Self::UntilClose => false,
        }
    }

    fn ends_by_closing(&self) -> bool {
        matches!(self, Self::UntilClose)
    }

    /// Decode into `out`; how many bytes were used.
    fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, &'static str> {
        let used = match self {
            Self::Chunked(chunks) => return chunks.feed(input, out),
            Self::Length(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= used as u64;
                used
            }
            Self::UntilClose => input.len(),
        };
        out.extend_from_slice(&input[..used]);
        Ok(used)
    }
}
