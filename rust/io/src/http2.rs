//! One HTTP/2 connection that several exchanges share, and an exchange on it.
//!
//! Owns the mapping of `h2`'s streams and errors to ours. Framing, flow control and HPACK are `h2`'s. Invariant: a
//! stream that is given up is reset, and a connection that fell silent under an exchange gets no new one.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client};
use tokio_rustls::client::TlsStream;

use crate::{
    Deadline, Head, IoError, Origin, Request, Settings,
    error::reason,
    exchange::Failure,
    executor::yield_now,
    flight::Flight,
    pool::{Permit, Pool},
    reactor::Readiness,
    socket::Socket,
};

pub(crate) type TlsSocket = TlsStream<Socket>;

/// What a peer may send before a stream is read, in units of the exchange's buffer: room for a round trip.
const STREAM_WINDOW_BUFFERS: u32 = 4;
/// The connection's window is that of this many streams, so that readers who stall do not stop the others.
const CONNECTION_WINDOW_STREAMS: u32 = 64;
/// Until the peer has said how many streams it takes. When it says just this, the first answer shows that it has.
const UNTOLD_STREAMS: usize = 1;
const MAX_WINDOW_BYTES: u32 = (1 << 31) - 1;

pub(crate) struct Shared {
    sender: client::SendRequest<Bytes>,
    permit: Rc<Permit>,
    socket: Rc<Readiness>,
    streams: Cell<usize>,
    idle_since: Cell<Instant>,
    retired: Cell<bool>,
}

/// A place among the streams of a shared connection.
pub(crate) struct Lease {
    shared: Rc<Shared>,
    pool: Weak<Pool>,
}

/// Resets the stream when the exchange is given up.
struct OpenStream<'a> {
    lease: &'a Lease,
    flight: &'a Flight,
    sending: SendStream<Bytes>,
    /// Bytes the connection had received when the request was handed over.
    received_before: u64,
    complete: bool,
}

// === the connection ===

pub(crate) async fn handshake(
    stream: TlsSocket,
    permit: Permit,
    settings: &Settings,
) -> Result<(Rc<Shared>, client::Connection<TlsSocket, Bytes>), h2::Error> {
    let buffer = u32::try_from(settings.buffer_bytes).unwrap_or(MAX_WINDOW_BYTES);
    let window = buffer.saturating_mul(STREAM_WINDOW_BUFFERS).min(MAX_WINDOW_BYTES);
    let socket = Rc::clone(stream.get_ref().0.readiness());
    let (sender, connection) = client::Builder::new()
        .enable_push(false)
        .initial_max_send_streams(UNTOLD_STREAMS)
        .max_header_list_size(u32::try_from(settings.max_head_bytes).unwrap_or(u32::MAX))
        .initial_window_size(window)
        .initial_connection_window_size(
            window.saturating_mul(CONNECTION_WINDOW_STREAMS).min(MAX_WINDOW_BYTES),
        )
        .handshake(stream)
        .await?;
    let shared = Shared {
        sender,
        permit: Rc::new(permit),
        socket,
        streams: Cell::new(0),
        idle_since: Cell::new(Instant::now()),
        retired: Cell::new(false),
    };
    Ok((Rc::new(shared), connection))
}

/// Keep the connection going until it is over; its errors reach the exchanges by their streams.
pub(crate) async fn drive(
    mut connection: client::Connection<TlsSocket, Bytes>,
    shared: Rc<Shared>,
    pool: Rc<Pool>,
) {
    let permit = Rc::clone(&shared.permit);
    let shared = {
        let weak = Rc::downgrade(&shared);
        drop(shared); // or the connection would never see that nobody wants it any more
        weak
    };
    let end = poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        shared.upgrade().iter().for_each(|shared| shared.look_for_settings());
        pool.serve(); // there may be room now
        polled
    });
    let _ = end.await;
    drop(connection);
    if let Some(shared) = shared.upgrade() {
        shared.retire();
    }
    drop(permit);
    pool.serve();
}

// === impl Shared ===

impl Shared {
    /// The peer has said how many streams it takes: who waits for that need not any more.
    fn look_for_settings(&self) {
        if self.sender.current_max_send_streams() != UNTOLD_STREAMS {
            self.permit.connected();
        }
    }

    /// Whether one more stream fits, by the peer's own limit.
    pub(crate) fn has_room(&self) -> bool {
        self.streams.get() < self.sender.current_max_send_streams()
    }

    /// Whether it takes no new streams: retired by us, told so by the peer, or broken.
    pub(crate) fn is_retired(&self) -> bool {
        let refuses = || {
            let mut context = Context::from_waker(Waker::noop());
            matches!(self.sender.clone().poll_ready(&mut context), Poll::Ready(Err(_)))
        };
        self.retired.get() || refuses()
    }

    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    /// Since when no exchange uses it; None while one does.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.streams.get() == 0).then(|| self.idle_since.get())
    }
}

// === impl Lease ===

impl Lease {
    pub(crate) fn new(shared: Rc<Shared>, pool: Weak<Pool>) -> Self {
        shared.streams.set(shared.streams.get() + 1);
        Self { shared, pool }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.streams.set(self.shared.streams.get() - 1);
        let now = Instant::now();
        self.shared.idle_since.set(now);
        if let Some(pool) = self.pool.upgrade() {
            pool.rests(now);
            pool.serve();
        }
    }
}

// === an exchange ===

/// Carry one exchange to the end of its answer.
pub(crate) async fn carry(
    origin: &Origin,
    lease: Lease,
    request: &mut Request,
    flight: &Flight,
    reused: bool,
) -> Result<(), Failure> {
    if reused && lease.shared.streams.get() == 1 {
        // It was idle: let it take in what the peer has said meanwhile, before it is relied on.
        lease.shared.socket.doubt();
        yield_now().await;
    }
    flight.connected(&lease.shared.socket, reused);
    let mut sender = lease.shared.sender.clone();
    poll_fn(|context| sender.poll_ready(context)).await.map_err(|error| unprocessed(flight, &error))?;
    let head = request.http2(origin).ok_or_else(|| flight.invalid("the origin has no URI"))?;
    let is_bare = request.body().is_empty();
    let received_before = lease.shared.socket.received();
    let (response, mut sending) =
        sender.send_request(head, is_bare).map_err(|error| unprocessed(flight, &error))?;
    if !is_bare {
        sending.send_data(request.body().clone(), true).map_err(|error| unprocessed(flight, &error))?;
    }
    let mut stream = OpenStream { lease: &lease, flight, sending, received_before, complete: false };
    flight.request_sent(Instant::now());
    let (parts, mut body) = response.await.map_err(|error| failure(flight, &error))?.into_parts();
    lease.shared.permit.connected();
    let head = Head::of(&parts);
    head.check().map_err(|reason| flight.invalid(reason))?;
    flight.set_head(head);
    request.let_go();
    receive(flight, &mut body).await?;
    stream.complete = true;
    Ok(())
}

async fn receive(flight: &Flight, body: &mut RecvStream) -> Result<(), IoError> {
    loop {
        flight.room().await;
        flight.enter(Deadline::Idle, Instant::now());
        match body.data().await {
            None => return Ok(()),
            Some(Err(error)) => return Err(broken(flight, &error)),
            Some(Ok(data)) => {
                flight.fill(|out| {
                    out.extend_from_slice(&data);
                    Ok(())
                })?;
                // It fails only when more is given back than was taken.
                let _ = body.flow_control().release_capacity(data.len());
            }
        }
    }
}

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        self.sending.send_reset(Reason::CANCEL);
        if self.flight.has_timed_out() && self.lease.shared.socket.received() == self.received_before {
            self.lease.shared.retire();
        }
    }
}

/// A failure before an answer: the peer can have said that it did not look at the request (RFC 9113, section 8.7).
fn failure(flight: &Flight, error: &h2::Error) -> Failure {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    // `h2` fails a stream with a remote GOAWAY only when its number is above the last one the peer looked at.
    let not_looked_at = error.is_go_away();
    if error.is_remote() && (refused || not_looked_at) {
        return Failure::Unprocessed(broken(flight, error));
    }
    Failure::Final(broken(flight, error))
}

/// A failure before the request was handed to the connection.
fn unprocessed(flight: &Flight, error: &h2::Error) -> Failure {
    Failure::Unprocessed(broken(flight, error))
}

/// What `error` means to an exchange: the peer broke the protocol, or the connection or the stream broke.
pub(crate) fn broken(flight: &Flight, error: &h2::Error) -> IoError {
    if let Some(error) = error.get_io() {
        return flight.broke(&reason(error));
    }
    let code = error.reason().map_or_else(|| "unknown".to_owned(), |reason| format!("{reason:?}"));
    if error.is_library() {
        return flight.invalid(&format!("HTTP/2 {code}"));
    }
    flight.broke(&format!("HTTP/2 {code} from the peer"))
}
