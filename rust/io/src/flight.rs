//! The state of one exchange, shared by the task that carries it and the caller who looks at it.
//!
//! Owns the buffer between the two, the deadlines and the timings. Does not know how the bytes come. Invariant: what
//! was received before an end or a failure is handed over before that is told.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    Deadline, Head, IoError,
    executor::TaskId,
    reactor::{Reactor, Readiness},
};

/// Ten years: far beyond any sense, and safe to add to an instant.
const MAX_WAIT_MS: u64 = 10 * 365 * 86_400_000;

/// How long an exchange may take, in milliseconds. Zero is no time at all, not no limit.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until a connection is there: waiting for a free one, name, TCP, proxy, TLS.
    pub connect_ms: u64,
    /// From the request being sent to the head of the answer.
    pub first_byte_ms: u64,
    /// Between two reads of the answer, and between two writes of a long request.
    pub idle_ms: u64,
    /// The whole exchange.
    pub total_ms: u64,
}

/// Nanoseconds since the exchange was opened; 0 = not reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    pub connected_ns: u64,
    pub sent_ns: u64,
    pub first_byte_ns: u64,
    pub end_ns: u64,
}

/// What the caller waits for, so that it is woken once and not for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaited {
    #[default]
    Nothing,
    Head,
    Bytes,
    End,
}

pub(crate) struct Flight {
    pub(crate) id: u64,
    /// Names the origin in messages.
    pub(crate) peer: Arc<str>,
    opened: Instant,
    limits: Deadlines,
    /// Bytes held for a caller who does not read, before the connection is no longer read either.
    room: usize,
    ready: Rc<RefCell<Vec<u64>>>,
    reactor: Rc<Reactor>,
    task: Cell<Option<TaskId>>,
    stage: Cell<(Deadline, Instant)>,
    timings: Cell<Timings>,
    reused: Cell<bool>,
    /// The socket the request is written to, and its count of bytes before that.
    route: RefCell<Option<(Rc<Readiness>, u64)>>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    head: Option<Rc<Head>>,
    buffer: Vec<u8>,
    /// Bytes of the body so far, handed over or not.
    received: u64,
    end: Option<Result<(), IoError>>,
    awaited: Awaited,
    /// The caller wants the whole body, at most this long.
    whole: Option<usize>,
    producer: Option<Waker>,
}

// === impl Flight ===

impl Flight {
    pub(crate) fn new(
        id: u64,
        peer: Arc<str>,
        (limits, room): (Deadlines, usize),
        (ready, reactor): (Rc<RefCell<Vec<u64>>>, Rc<Reactor>),
    ) -> Self {
        let opened = Instant::now();
        let flight = Self {
            id,
            peer,
            opened,
            limits,
            room,
            ready,
            reactor,
            task: Cell::new(None),
            stage: Cell::new((Deadline::Total, opened)),
            timings: Cell::default(),
            reused: Cell::new(false),
            route: RefCell::new(None),
            state: RefCell::default(),
        };
        flight.enter(Deadline::Connect, opened);
        flight
    }

    // --- the carrying task's side ---

    /// A new stage begins: its deadline runs from `now`.
    pub(crate) fn enter(&self, stage: Deadline, now: Instant) {
        let ends = |since: Instant, ms: u64| since + Duration::from_millis(ms.min(MAX_WAIT_MS));
        let own = ends(now, self.limit_ms(stage));
        let total = ends(self.opened, self.limits.total_ms);
        let next = if own < total { (stage, own) } else { (Deadline::Total, total) };
        self.stage.set(next);
        self.reactor.arm(next.1);
    }

    /// A connection is there; what is written to it from now on is the request.
    pub(crate) fn connected(&self, socket: &Rc<Readiness>, reused: bool) {
        self.reused.set(reused);
        *self.route.borrow_mut() = Some((Rc::clone(socket), socket.written()));
        self.stamp(Instant::now(), |timings| &mut timings.connected_ns);
    }

    /// The request has been handed to the kernel.
    pub(crate) fn request_sent(&self, now: Instant) {
        self.stamp(now, |timings| &mut timings.sent_ns);
        self.enter(Deadline::FirstByte, now);
    }

    /// The attempt came to nothing and provably was not processed: the request counts as not sent.
    pub(crate) fn back_to_start(&self) {
        *self.route.borrow_mut() = None;
        self.enter(Deadline::Connect, self.opened);
    }

    pub(crate) fn set_head(&self, head: Head) {
        let now = Instant::now();
        self.stamp(now, |timings| &mut timings.first_byte_ns);
        self.enter(Deadline::Idle, now);
        self.state.borrow_mut().head = Some(Rc::new(head));
        self.notify();
    }

    /// Resolves when there is room for more, with how much.
    pub(crate) async fn room(&self) -> usize {
        poll_fn(|context| self.poll_room(context)).await
    }

    fn poll_room(&self, context: &Context<'_>) -> Poll<usize> {
        let mut state = self.state.borrow_mut();
        let room = match state.whole {
            Some(_) => usize::MAX,
            None => self.room.saturating_sub(state.buffer.len()),
        };
        if room > 0 {
            return Poll::Ready(room);
        }
        state.producer = Some(context.waker().clone());
        // The silence is the caller's now, not the peer's.
        self.enter(Deadline::Total, self.opened);
        Poll::Pending
    }

    /// Let `decode` append to the body. Fails when that makes it longer than the caller takes.
    pub(crate) fn fill<T>(
        &self,
        decode: impl FnOnce(&mut Vec<u8>) -> Result<T, &'static str>,
    ) -> Result<T, IoError> {
        let mut state = self.state.borrow_mut();
        let before = state.buffer.len();
        let decoded = decode(&mut state.buffer).map_err(|reason| self.invalid(reason))?;
        state.received += (state.buffer.len() - before) as u64;
        if let Some(limit) = state.whole.filter(|limit| state.buffer.len() > *limit) {
            return Err(self.over(limit));
        }
        drop(state);
        self.notify();
        Ok(decoded)
    }

    /// The last word on this exchange; only the first one counts. Says whether this was it.
    pub(crate) fn finish(&self, end: Result<(), IoError>) -> bool {
        let mut state = self.state.borrow_mut();
        if state.end.is_some() {
            return false;
        }
        state.end = Some(end);
        drop(state);
        self.stamp(Instant::now(), |timings| &mut timings.end_ns);
        self.notify();
        true
    }

    // --- the caller's side ---

    pub(crate) fn head(&self) -> Result<Option<Rc<Head>>, IoError> {
        let mut state = self.state.borrow_mut();
        match (&state.head, &state.end) {
            (Some(head), _) => Ok(Some(Rc::clone(head))),
            (None, Some(Err(error))) => Err(error.clone()),
            (None, _) => {
                state.awaited = Awaited::Head;
                Ok(None)
            }
        }
    }

    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, IoError> {
        let mut state = self.state.borrow_mut();
        if !state.buffer.is_empty() {
            let bytes = std::mem::take(&mut state.buffer);
            wake(&mut state);
            return Ok(Some(bytes));
        }
        match &state.end {
            Some(Ok(())) => Ok(Some(Vec::new())),
            Some(Err(error)) => Err(error.clone()),
            None => {
                state.awaited = Awaited::Bytes;
                Ok(None)
            }
        }
    }

    pub(crate) fn body(&self, limit: usize) -> Result<Option<Vec<u8>>, IoError> {
        let mut state = self.state.borrow_mut();
        if state.buffer.len() > limit {
            return Err(self.over(limit));
        }
        match &state.end {
            Some(Ok(())) => Ok(Some(std::mem::take(&mut state.buffer))),
            Some(Err(error)) => Err(error.clone()),
            None => {
                state.whole = Some(limit);
                state.awaited = Awaited::End;
                wake(&mut state);
                Ok(None)
            }
        }
    }

    /// The caller does not wait any more.
    pub(crate) fn look_away(&self) {
        self.state.borrow_mut().awaited = Awaited::Nothing;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.state.borrow().end.is_some()
    }

    /// Whether any byte of the request has been handed to the kernel.
    pub(crate) fn sent(&self) -> bool {
        self.route.borrow().as_ref().is_some_and(|(socket, before)| socket.written() > *before)
    }

    pub(crate) fn reused(&self) -> bool {
        self.reused.get()
    }

    pub(crate) fn timings(&self) -> Timings {
        self.timings.get()
    }

    // --- the client's side ---

    pub(crate) fn set_task(&self, task: TaskId) {
        self.task.set(Some(task));
    }

    pub(crate) fn take_task(&self) -> Option<TaskId> {
        self.task.take()
    }

    /// When this exchange is over unless something happens.
    pub(crate) fn deadline(&self) -> Instant {
        self.stage.get().1
    }

    pub(crate) fn timeout(&self) -> IoError {
        let (deadline, _) = self.stage.get();
        IoError::Timeout { peer: Arc::clone(&self.peer), deadline, ms: self.limit_ms(deadline) }
    }

    pub(crate) fn has_timed_out(&self) -> bool {
        matches!(self.state.borrow().end, Some(Err(IoError::Timeout { .. })))
    }

    // --- errors, as this exchange words them ---

    pub(crate) fn invalid(&self, reason: &str) -> IoError {
        IoError::Invalid { peer: Arc::clone(&self.peer), reason: Arc::from(reason) }
    }

    /// The connection ended or failed; says how far the answer had come.
    pub(crate) fn broke(&self, reason: &str) -> IoError {
        let state = self.state.borrow();
        let step = match (&state.head, self.sent()) {
            (Some(_), _) => format!("{}: the answer broke after {} bytes", self.peer, state.received),
            (None, true) => format!("{}: the connection broke before the answer began", self.peer),
            (None, false) => format!("{}: the connection broke before the request was sent", self.peer),
        };
        IoError::Unreachable { step, reason: Arc::from(reason) }
    }

    fn over(&self, limit: usize) -> IoError {
        self.invalid(&format!("the answer is over {limit} bytes"))
    }

    fn limit_ms(&self, deadline: Deadline) -> u64 {
        match deadline {
            Deadline::Connect => self.limits.connect_ms,
            Deadline::FirstByte => self.limits.first_byte_ms,
            Deadline::Send | Deadline::Idle => self.limits.idle_ms,
            Deadline::Total => self.limits.total_ms,
        }
    }

    fn stamp(&self, now: Instant, field: impl FnOnce(&mut Timings) -> &mut u64) {
        let mut timings = self.timings.get();
        let since = now.saturating_duration_since(self.opened).as_nanos();
        *field(&mut timings) = u64::try_from(since).unwrap_or(u64::MAX).max(1);
        self.timings.set(timings);
    }

    /// Name this exchange to the event loop when what the caller waits for is there.
    fn notify(&self) {
        let mut state = self.state.borrow_mut();
        let is_there = state.end.is_some()
            || match state.awaited {
                Awaited::Nothing | Awaited::End => false,
                Awaited::Head => state.head.is_some(),
                Awaited::Bytes => !state.buffer.is_empty(),
            };
        if is_there && std::mem::take(&mut state.awaited) != Awaited::Nothing {
            self.ready.borrow_mut().push(self.id);
        }
    }
}

fn wake(state: &mut State) {
    if let Some(producer) = state.producer.take() {
        producer.wake();
    }
}
