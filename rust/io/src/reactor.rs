//! What the operating system has to say: readiness of sockets, the alarm clock, the call from a resolver thread.
//!
//! Owns the epoll instance, the table of sockets and the one timer. Does not know what the sockets are for. All of it
//! is edge-triggered and cached in [`Readiness`], so that a socket is only asked when there is an answer.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Registry, Token, event::Event, event::Source, unix::SourceFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use slab::Slab;

/// Events taken from the kernel in one turn; what is left over makes the next turn.
const EVENTS_PER_TURN: usize = 256;

const CALL: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// What is known of one socket without asking the kernel.
#[derive(Default)]
pub(crate) struct Readiness {
    readable: Cell<bool>,
    writable: Cell<bool>,
    /// The peer has closed or the socket has failed; reading tells how, and never stops being possible.
    closed: Cell<bool>,
    /// Something happened while no task waited for it: the socket is idle in a pool.
    stirred: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
    received: Cell<u64>,
    written: Cell<u64>,
}

/// What a turn found besides sockets with a waiting task.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) alarm: bool,
    pub(crate) call: bool,
    pub(crate) stirred: bool,
}

pub(crate) struct Reactor {
    poll: RefCell<mio::Poll>,
    events: RefCell<Events>,
    registry: Registry,
    caller: Arc<mio::Waker>,
    alarm: OwnedFd,
    /// When the alarm rings; only ever moved forward by ringing, so a deadline that is not the earliest costs nothing.
    armed: Cell<Option<Instant>>,
    sockets: RefCell<Slab<Rc<Readiness>>>,
    sleepers: RefCell<Slab<(Instant, Waker)>>,
    deferred: RefCell<Vec<Waker>>,
}

/// Resolves at an instant, at the resolution of the alarm.
pub(crate) struct Sleep<'a> {
    reactor: &'a Reactor,
    until: Instant,
    slot: Option<usize>,
}

// === impl Readiness ===

impl Readiness {
    /// Whether to try to read; else the task of `context` is woken when it is worth it.
    pub(crate) fn may_read(&self, context: &Context<'_>) -> bool {
        self.readable.get() || self.closed.get() || wait(&self.reader, context)
    }

    /// As [`may_read`](Self::may_read), for writing.
    pub(crate) fn may_write(&self, context: &Context<'_>) -> bool {
        self.writable.get() || self.closed.get() || wait(&self.writer, context)
    }

    /// `count` bytes were read into room for `room`; fewer means that the kernel has no more. An end does not show in
    /// this way, but it has set `closed`.
    pub(crate) fn read(&self, count: usize, room: usize) {
        self.received.set(self.received.get() + count as u64);
        self.readable.set(count == room);
        if count == 0 {
            self.closed.set(true);
        }
    }

    /// As [`read`](Self::read), for writing.
    pub(crate) fn wrote(&self, count: usize, offered: usize) {
        self.written.set(self.written.get() + count as u64);
        self.writable.set(count == offered);
    }

    /// The kernel said that reading would block.
    pub(crate) fn not_readable(&self, context: &Context<'_>) {
        self.readable.set(false);
        wait(&self.reader, context);
    }

    /// The kernel said that writing would block.
    pub(crate) fn not_writable(&self, context: &Context<'_>) {
        self.writable.set(false);
        wait(&self.writer, context);
    }

    /// Ask the kernel at the next read, whatever the events said: they may be waiting to be collected.
    pub(crate) fn doubt(&self) {
        self.readable.set(true);
        self.stirred.set(false);
        wake(&self.reader);
    }

    pub(crate) fn has_stirred(&self) -> bool {
        self.stirred.get()
    }

    /// Bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Bytes handed to the kernel so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Take in an event; says whether nobody was waiting for it.
    fn happened(&self, event: &Event) -> bool {
        if event.is_read_closed() || event.is_write_closed() || event.is_error() {
            self.closed.set(true);
        }
        let mut attended = false;
        if event.is_readable() || self.closed.get() {
            self.readable.set(true);
            attended |= wake(&self.reader);
        }
        if event.is_writable() || self.closed.get() {
            self.writable.set(true);
            attended |= wake(&self.writer);
        }
        self.stirred.set(!attended);
        !attended
    }
}

fn wait(slot: &RefCell<Option<Waker>>, context: &Context<'_>) -> bool {
    let mut slot = slot.borrow_mut();
    match &mut *slot {
        Some(waker) => waker.clone_from(context.waker()),
        None => *slot = Some(context.waker().clone()),
    }
    false
}

fn wake(slot: &RefCell<Option<Waker>>) -> bool {
    let waker = slot.borrow_mut().take();
    waker.map(Waker::wake).is_some()
}

// === impl Reactor ===

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let caller = Arc::new(mio::Waker::new(&registry, CALL)?);
        let alarm =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        Ok(Self {
            poll: RefCell::new(poll),
            events: RefCell::new(Events::with_capacity(EVENTS_PER_TURN)),
            registry,
            caller,
            alarm,
            armed: Cell::new(None),
            sockets: RefCell::default(),
            sleepers: RefCell::default(),
            deferred: RefCell::default(),
        })
    }

    /// Readable when [`collect`](Self::collect) has something to collect.
    pub(crate) fn fd(&self) -> RawFd {
        self.poll.borrow().as_raw_fd()
    }

    /// Wakes the loop from another thread.
    pub(crate) fn caller(&self) -> Arc<mio::Waker> {
        Arc::clone(&self.caller)
    }

    /// Make the event loop come back: there is work that no socket will announce.
    pub(crate) fn call(&self) {
        // The eventfd's counter cannot overflow by ones, and there is no other way to fail.
        let _ = self.caller.wake();
    }

    /// Take the kernel's news without waiting, and wake the tasks concerned.
    pub(crate) fn collect(&self) -> Found {
        let mut events = self.events.borrow_mut();
        let mut found = Found::default();
        if self.poll.borrow_mut().poll(&mut events, Some(Duration::ZERO)).is_err() {
            return found; // interrupted: the descriptor stays readable, so this turn is made up for
        }
        for event in &*events {
            match event.token() {
                CALL => found.call = true,
                ALARM => {
                    self.armed.set(None);
                    found.alarm = true;
                }
                Token(slot) => {
                    let readiness = self.sockets.borrow().get(slot).cloned();
                    found.stirred |= readiness.is_some_and(|readiness| readiness.happened(event));
                }
            }
        }
        for waker in self.deferred.take() {
            waker.wake();
        }
        found
    }

    /// Watch a socket until [`forget`](Self::forget); its slot names it.
    pub(crate) fn watch(&self, source: &mut impl Source) -> io::Result<(usize, Rc<Readiness>)> {
        let mut sockets = self.sockets.borrow_mut();
        let entry = sockets.vacant_entry();
        let slot = entry.key();
        self.registry.register(source, Token(slot), Interest::READABLE | Interest::WRITABLE)?;
        let readiness = Rc::new(Readiness::default());
        entry.insert(Rc::clone(&readiness));
        Ok((slot, readiness))
    }

    /// A late event for `slot` may still reach its next owner, who then asks its socket once for nothing.
    pub(crate) fn forget(&self, slot: usize) {
        self.sockets.borrow_mut().try_remove(slot);
    }

    pub(crate) fn open_sockets(&self) -> usize {
        self.sockets.borrow().len()
    }

    /// Let the alarm ring at `at` or before; a system call only when it would ring later than that.
    pub(crate) fn arm(&self, at: Instant) {
        if self.armed.get().is_some_and(|armed| armed <= at) {
            return;
        }
        // Zero would disarm it.
        let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timer = Itimerspec { it_interval: interval, it_value: value };
        // It fails only for a bad descriptor or a bad time, and both are made here.
        if timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &timer).is_ok() {
            self.armed.set(Some(at));
        }
    }

    /// Wake the sleepers whose time has come; the earliest of the others.
    pub(crate) fn wake_sleepers(&self, now: Instant) -> Option<Instant> {
        let mut sleepers = self.sleepers.borrow_mut();
        sleepers
            .iter()
            .filter(|(_, (until, _))| *until <= now)
            .for_each(|(_, (_, waker))| waker.wake_by_ref());
        sleepers.iter_mut().map(|(_, (until, _))| *until).filter(|until| *until > now).min()
    }

    pub(crate) fn sleep_until(&self, until: Instant) -> Sleep<'_> {
        Sleep { reactor: self, until, slot: None }
    }

    /// Let the event loop do other things first: resolves in the next turn.
    pub(crate) async fn breathe(&self) {
        let mut rested = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut rested, true) {
                return Poll::Ready(());
            }
            self.deferred.borrow_mut().push(context.waker().clone());
            self.call();
            Poll::Pending
        })
        .await;
    }
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.until <= Instant::now() {
            return Poll::Ready(());
        }
        let mut sleepers = self.reactor.sleepers.borrow_mut();
        if let Some((_, waker)) = self.slot.and_then(|slot| sleepers.get_mut(slot)) {
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        let slot = sleepers.insert((self.until, context.waker().clone()));
        drop(sleepers);
        self.slot = Some(slot);
        self.reactor.arm(self.until);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.reactor.sleepers.borrow_mut().try_remove(slot);
        }
    }
}
