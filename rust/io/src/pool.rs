//! The connections of one origin: which are idle, how many there are, who waits for one.
//!
//! Owns the idle HTTP/1.1 connections and the shared HTTP/2 ones; a busy HTTP/1.1 connection belongs to its exchange.
//! Does not connect. Invariants: never more than `max_connections` are open or being opened; who waits is served in
//! order, and nobody overtakes them.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::{Rc, Weak},
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    Origin, Settings,
    http1::Http1,
    http2::{Lease, Shared},
    reactor::Reactor,
};

pub(crate) struct Pool {
    origin: Arc<Origin>,
    settings: Settings,
    reactor: Rc<Reactor>,
    /// The one used last is at the back, and used next: those at the front grow old and go.
    idle: RefCell<VecDeque<Http1>>,
    shared: RefCell<Vec<Rc<Shared>>>,
    open: Cell<usize>,
    /// Connections of which it is not known yet how many exchanges they can carry at a time.
    dialing: Cell<usize>,
    /// Whether new connections are expected to speak HTTP/2, so that one is enough for many exchanges.
    multiplexes: Cell<bool>,
    waiters: RefCell<VecDeque<Rc<Waiter>>>,
    serving: Cell<bool>,
}

/// What an exchange gets to work with.
pub(crate) enum Grant {
    Http1(Http1),
    Http2(Lease),
    /// Make a connection yourself.
    Permit(Permit),
}

/// The right to one connection. Held by the connection, and given back when it closes.
pub(crate) struct Permit {
    pool: Weak<Pool>,
    dialing: Cell<bool>,
}

struct Waiter {
    grant: RefCell<Option<Grant>>,
    waker: RefCell<Waker>,
}

/// A place in the queue; left when dropped, and what was granted meanwhile goes to the next.
struct Place<'a> {
    pool: &'a Rc<Pool>,
    waiter: Rc<Waiter>,
}

// === impl Pool ===

impl Pool {
    pub(crate) fn new(origin: Arc<Origin>, settings: Settings, reactor: Rc<Reactor>) -> Self {
        Self {
            multiplexes: Cell::new(origin.offers_http2()),
            origin,
            settings,
            reactor,
            idle: RefCell::default(),
            shared: RefCell::default(),
            open: Cell::new(0),
            dialing: Cell::new(0),
            waiters: RefCell::default(),
            serving: Cell::new(false),
        }
    }

    pub(crate) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// A connection, or the right to make one, as soon as there is one.
    pub(crate) async fn acquire(self: &Rc<Self>) -> Grant {
        if self.waiters.borrow().is_empty()
            && let Some(grant) = self.grant()
        {
            return grant;
        }
        let place = Place::take(self);
        poll_fn(|context| {
            if let Some(grant) = place.waiter.grant.borrow_mut().take() {
                return Poll::Ready(grant);
            }
            place.waiter.waker.borrow_mut().clone_from(context.waker());
            Poll::Pending
        })
        .await
    }

    /// The right to make a connection beside those there are, if that many are allowed.
    fn permit(self: &Rc<Self>) -> Option<Permit> {
        if self.open.get() >= self.settings.max_connections_per_origin {
            return None;
        }
        self.open.set(self.open.get() + 1);
        self.dialing.set(self.dialing.get() + 1);
        Some(Permit { pool: Rc::downgrade(self), dialing: Cell::new(true) })
    }

    fn grant(self: &Rc<Self>) -> Option<Grant> {
        while let Some(mut connection) = self.pop_idle() {
            if connection.is_alive() {
                return Some(Grant::Http1(connection));
            }
        }
        if let Some(lease) = self.lease() {
            return Some(Grant::Http2(lease));
        }
        if self.multiplexes.get() && self.dialing.get() > 0 {
            return None; // it will have room for this one too
        }
        self.permit().map(Grant::Permit)
    }

    fn pop_idle(&self) -> Option<Http1> {
        self.idle.borrow_mut().pop_back()
    }

    fn lease(self: &Rc<Self>) -> Option<Lease> {
        self.drop_shared(Shared::is_retired);
        let shared = self.shared.borrow();
        let free = shared.iter().find(|each| each.has_room())?;
        Some(Lease::new(Rc::clone(free), Rc::downgrade(self)))
    }

    /// Offer these no more; each closes with its last exchange.
    fn drop_shared(&self, is_done: impl Fn(&Shared) -> bool) {
        let done: Vec<_> = self.shared.borrow_mut().extract_if(.., |each| is_done(each)).collect();
        drop(done); // after the borrow: closing serves those who wait
    }

    /// Take a connection back for others to use.
    pub(crate) fn release(self: &Rc<Self>, mut connection: Http1) {
        let now = Instant::now();
        connection.rest(now);
        self.rests(now);
        let surplus = {
            let mut idle = self.idle.borrow_mut();
            idle.push_back(connection);
            if idle.len() > self.settings.max_idle_per_origin { idle.pop_front() } else { None }
        };
        drop(surplus); // after the borrow: closing serves those who wait
        self.serve();
    }

    /// A connection has become idle: see to it that [`expire`](Self::expire) is called in time.
    pub(crate) fn rests(&self, now: Instant) {
        self.reactor.arm(now + self.idle_limit());
    }

    fn idle_limit(&self) -> Duration {
        Duration::from_millis(self.settings.idle_connection_ms)
    }

    /// A connection turned out to speak HTTP/1.1: it carries one exchange at a time.
    pub(crate) fn speaks_http1(&self, permit: &Permit) {
        self.multiplexes.set(false);
        permit.connected();
    }

    /// A connection turned out to speak HTTP/2: everybody may use it.
    pub(crate) fn share(self: &Rc<Self>, shared: Rc<Shared>) -> Lease {
        self.multiplexes.set(true);
        let lease = Lease::new(Rc::clone(&shared), Rc::downgrade(self));
        self.shared.borrow_mut().push(shared);
        self.serve();
        lease
    }

    /// Hand out what has become free, in order.
    pub(crate) fn serve(self: &Rc<Self>) {
        if self.waiters.borrow().is_empty() || self.serving.replace(true) {
            return; // looking for something free may free something: the loop below comes to that
        }
        while !self.waiters.borrow().is_empty()
            && let Some(grant) = self.grant()
            && let Some(waiter) = self.waiters.borrow_mut().pop_front()
        {
            *waiter.grant.borrow_mut() = Some(grant);
            waiter.waker.borrow().wake_by_ref();
        }
        self.serving.set(false);
    }

    /// Close idle connections that something happened to: nothing may, but an end.
    pub(crate) fn drop_dead(self: &Rc<Self>) {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        let alive =
            idle.into_iter().filter_map(|mut each| (!each.has_stirred() || each.is_alive()).then_some(each));
        let alive: VecDeque<_> = alive.collect();
        self.idle.borrow_mut().extend(alive);
    }

    /// Close what has been idle for too long; when the next one will have been.
    pub(crate) fn expire(self: &Rc<Self>, now: Instant) -> Option<Instant> {
        let limit = self.idle_limit();
        let is_old = |since: Instant| since + limit <= now;
        let old: Vec<_> = {
            let mut idle = self.idle.borrow_mut();
            let count = idle.iter().take_while(|each| is_old(each.idle_since())).count();
            idle.drain(..count).collect()
        };
        drop(old); // after the borrow: closing serves those who wait
        self.drop_shared(|each| each.idle_since().is_some_and(is_old));
        let first = self.idle.borrow().front().map(Http1::idle_since);
        self.shared
            .borrow()
            .iter()
            .filter_map(|each| each.idle_since())
            .chain(first)
            .min()
            .map(|since| since + limit)
    }

    /// Whether nobody can come for it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.open.get() == 0 && Arc::strong_count(&self.origin) == 1
    }

    pub(crate) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        let shared = std::mem::take(&mut *self.shared.borrow_mut());
        let waiters = std::mem::take(&mut *self.waiters.borrow_mut());
        drop((idle, shared, waiters));
    }
}

// === impl Permit ===

impl Permit {
    /// It is known how many exchanges the connection can carry. Idempotent.
    pub(crate) fn connected(&self) {
        if self.dialing.replace(false)
            && let Some(pool) = self.pool.upgrade()
        {
            pool.dialing.set(pool.dialing.get() - 1);
            pool.serve();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connected();
        if let Some(pool) = self.pool.upgrade() {
            pool.open.set(pool.open.get() - 1);
            pool.serve();
        }
    }
}

// === impl Place ===

impl<'a> Place<'a> {
    fn take(pool: &'a Rc<Pool>) -> Self {
        let waiter =
            Rc::new(Waiter { grant: RefCell::new(None), waker: RefCell::new(Waker::noop().clone()) });
        pool.waiters.borrow_mut().push_back(Rc::clone(&waiter));
        Self { pool, waiter }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.waiters.borrow_mut().retain(|waiter| !Rc::ptr_eq(waiter, &self.waiter));
        let unused = self.waiter.grant.borrow_mut().take();
        match unused {
            Some(Grant::Http1(connection)) => self.pool.release(connection),
            unused => drop(unused),
        }
    }
}
