//! The client as its owner sees it: open exchanges, give it turns, look at what became of them.
//!
//! Owns the parts and the order of a turn. Everything lives on the thread that made the client; what is handed out are
//! handles, because Python's garbage collector may drop them on any thread. Invariant: whenever a call returns, every
//! task that could go on has gone on, and every exchange whose caller should look again is named by this turn or,
//! failing that, by the next, which is then due at once.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    os::fd::RawFd,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use slab::Slab;

use crate::{
    Deadlines, Head, IoError, Origin, Request, Timings, exchange, executor::Executor, flight::Flight,
    pool::Pool, reactor::Reactor, resolve::Resolver,
};

/// The alarm rings no more often than this while deadlines pass.
const TICK: Duration = Duration::from_millis(10);
const SCRATCH_BYTES: usize = 64 * 1024;

/// Bounds of a client.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub max_connections_per_origin: usize,
    pub max_idle_per_origin: usize,
    /// A connection that nobody used for so long is closed.
    pub idle_connection_ms: u64,
    /// Bytes of an answer held for a caller who does not read; then its connection is no longer read.
    pub buffer_bytes: usize,
    /// Of an answer.
    pub max_head_bytes: usize,
}

/// The outbound client of one thread. Dropping it closes it.
pub struct Client {
    home: Home,
}

/// One request and its answer. Dropping it cancels it.
pub struct Exchange {
    home: Home,
    id: u64,
    /// Its place in the client's table, its own until it is dropped.
    slot: usize,
}

/// Where a handle's client lives.
#[derive(Clone)]
struct Home {
    client: u64,
    inbox: Arc<Inbox>,
}

/// What handles that were dropped on other threads leave behind.
struct Inbox {
    dropped: Mutex<Vec<usize>>,
    caller: Arc<mio::Waker>,
}

/// What the tasks share.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) executor: Executor,
    pub(crate) resolver: Resolver,
    /// Every read from a socket lands here and is decoded at once.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pools: RefCell<HashMap<usize, Rc<Pool>>>,
    /// Of every exchange somebody holds a handle of.
    flights: RefCell<Slab<Rc<Flight>>>,
    in_flight: Cell<usize>,
    next_id: Cell<u64>,
    ready: Rc<RefCell<Vec<u64>>>,
    closed: Cell<bool>,
}

static NEXT_CLIENT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The clients that live here; one, but for tests.
    static CORES: RefCell<Vec<(u64, Rc<Core>)>> = const { RefCell::new(Vec::new()) };
}

// === impl Home ===

impl Home {
    fn core(&self) -> Result<Rc<Core>, IoError> {
        let find = |cores: &RefCell<Vec<(u64, Rc<Core>)>>| {
            cores.borrow().iter().find(|(client, _)| *client == self.client).map(|(_, core)| Rc::clone(core))
        };
        CORES.try_with(find).ok().flatten().ok_or(IoError::Elsewhere)
    }
}

impl Inbox {
    fn drain(&self) -> Vec<usize> {
        std::mem::take(&mut *self.dropped.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn leave(&self, slot: usize) {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        // See `Reactor::call`.
        let _ = self.caller.wake();
    }
}

// === impl Client ===

impl Client {
    /// A client that lives on this thread.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let reactor = Rc::new(Reactor::new()?);
        let inbox = Arc::new(Inbox { dropped: Mutex::default(), caller: reactor.caller() });
        let core = Core {
            settings,
            resolver: Resolver::new(&reactor),
            reactor,
            executor: Executor::default(),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            pools: RefCell::default(),
            flights: RefCell::default(),
            in_flight: Cell::new(0),
            next_id: Cell::new(0),
            ready: Rc::default(),
            closed: Cell::new(false),
        };
        let client = NEXT_CLIENT.fetch_add(1, Ordering::Relaxed);
        CORES.with(|cores| cores.borrow_mut().push((client, Rc::new(core))));
        Ok(Self { home: Home { client, inbox } })
    }

    /// Readable when [`turn`](Self::turn) has work to do.
    pub fn fd(&self) -> Result<RawFd, IoError> {
        Ok(self.home.core()?.reactor.fd())
    }

    /// Do what can be done without waiting; ids of the exchanges whose callers should look again.
    pub fn turn(&self) -> Result<Vec<u64>, IoError> {
        let core = self.home.core()?;
        let found = core.reactor.collect();
        if found.call {
            core.resolver.collect();
            self.home.inbox.drain().into_iter().for_each(|slot| core.forget(slot));
        }
        if found.stirred {
            core.pools().iter().for_each(Pool::drop_dead);
        }
        core.executor.run();
        if found.alarm {
            core.ring(Instant::now());
        }
        Ok(core.ready.take())
    }

    /// Start a request. Never blocks; on an idle connection it is written before this returns.
    pub fn open(
        &self,
        origin: &Arc<Origin>,
        request: Request,
        deadlines: Deadlines,
    ) -> Result<Exchange, IoError> {
        let core = self.home.core()?;
        let (slot, flight) = core.take_off(origin, deadlines);
        if core.closed.get() {
            core.land(&flight, Err(given_up(&flight, "the client is closed")));
        } else {
            let pool = core.pool(origin);
            let work = exchange::carry(Rc::clone(&core), pool, request, Rc::clone(&flight));
            flight.set_task(core.executor.spawn(work));
            core.go_on();
        }
        Ok(Exchange { home: self.home.clone(), id: flight.id, slot })
    }

    /// Give up everything under way and close every connection. Idempotent.
    pub fn close(&self) -> Result<(), IoError> {
        self.home.core()?.close();
        Ok(())
    }

    /// Exchanges that are not over.
    pub fn in_flight(&self) -> Result<usize, IoError> {
        Ok(self.home.core()?.in_flight.get())
    }

    /// Sockets that are open or being opened.
    pub fn open_connections(&self) -> Result<usize, IoError> {
        Ok(self.home.core()?.reactor.open_sockets())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Ok(core) = self.home.core() {
            core.close(); // the tasks hold the core, and the core the tasks
            let is_other = |(client, _): &(u64, Rc<Core>)| *client != self.home.client;
            CORES.with(|cores| cores.borrow_mut().retain(is_other)); // `core` is dropped after this borrow
        }
    }
}

// === impl Exchange ===

impl Exchange {
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Status and headers; None = wait for a turn to name this exchange.
    pub fn head(&self) -> Result<Option<Rc<Head>>, IoError> {
        self.look()?.1.head()
    }

    /// The next bytes of the body, as many as are there, none at its end; None = wait.
    pub fn read(&self) -> Result<Option<Vec<u8>>, IoError> {
        let (core, flight) = self.look()?;
        let bytes = flight.read()?;
        core.go_on(); // there is room again
        Ok(bytes)
    }

    /// The whole body, once it is complete; None = wait. Over `limit` bytes the exchange is given up.
    pub fn body(&self, limit: usize) -> Result<Option<Vec<u8>>, IoError> {
        let (core, flight) = self.look()?;
        let body = flight.body(limit);
        if body.is_err() {
            core.give_up(&flight);
        }
        core.go_on();
        body
    }

    /// Close the connection (HTTP/1.1) or reset the stream (HTTP/2) before returning. Idempotent.
    pub fn cancel(&self) -> Result<(), IoError> {
        let (core, flight) = self.look()?;
        core.give_up(&flight);
        Ok(())
    }

    /// Whether any byte of the request has been handed to the kernel, so that it may have been processed.
    pub fn sent(&self) -> Result<bool, IoError> {
        Ok(self.look()?.1.sent())
    }

    /// Whether the connection had carried another exchange before.
    pub fn reused(&self) -> Result<bool, IoError> {
        Ok(self.look()?.1.reused())
    }

    pub fn timings(&self) -> Result<Timings, IoError> {
        Ok(self.look()?.1.timings())
    }

    fn look(&self) -> Result<(Rc<Core>, Rc<Flight>), IoError> {
        let core = self.home.core()?;
        let flight = core.flights.borrow().get(self.slot).cloned().ok_or(IoError::Elsewhere)?;
        Ok((core, flight))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        match self.home.core() {
            Ok(core) => core.forget(self.slot),
            Err(_) => self.home.inbox.leave(self.slot),
        }
    }
}

// === impl Core ===

impl Core {
    fn take_off(&self, origin: &Origin, deadlines: Deadlines) -> (usize, Rc<Flight>) {
        let id = self.next_id.get() + 1;
        self.next_id.set(id);
        self.in_flight.set(self.in_flight.get() + 1);
        let bounds = (deadlines, self.settings.buffer_bytes);
        let links = (Rc::clone(&self.ready), Rc::clone(&self.reactor));
        let flight = Rc::new(Flight::new(id, origin.label(), bounds, links));
        (self.flights.borrow_mut().insert(Rc::clone(&flight)), flight)
    }

    /// An exchange is over.
    pub(crate) fn land(&self, flight: &Flight, end: Result<(), IoError>) {
        if flight.finish(end) {
            flight.take_task();
            self.in_flight.set(self.in_flight.get() - 1);
        }
    }

    /// The caller does not want it any more.
    fn give_up(&self, flight: &Flight) {
        if !flight.is_over() {
            flight.look_away();
            self.abort(flight, given_up(flight, "given up by the caller"));
            self.go_on();
        }
    }

    /// The last handle is gone.
    fn forget(&self, slot: usize) {
        let flight = self.flights.borrow_mut().try_remove(slot);
        if let Some(flight) = flight {
            self.give_up(&flight);
        }
    }

    /// End an exchange from outside of its task.
    fn abort(&self, flight: &Flight, why: IoError) {
        let task = flight.take_task();
        self.land(flight, Err(why));
        if let Some(task) = task {
            self.executor.remove(task);
        }
    }

    /// Let every task go on that can, outside of a turn.
    fn go_on(&self) {
        self.executor.run();
        if !self.ready.borrow().is_empty() {
            self.reactor.call();
        }
    }

    /// The alarm: end what is over its deadline, close what has been idle for too long, wind it up again.
    fn ring(&self, now: Instant) {
        let sleeper = self.reactor.wake_sleepers(now);
        for flight in self.under_way().filter(|flight| flight.deadline() <= now) {
            self.abort(&flight, flight.timeout());
        }
        self.executor.run();

        let expiry = self.pools().iter().filter_map(|pool| pool.expire(now)).min();
        self.executor.run();
        self.pools.borrow_mut().retain(|_, pool| !pool.is_abandoned());

        let deadline = self.under_way().map(|flight| flight.deadline()).min();
        if let Some(next) = [sleeper, expiry, deadline].into_iter().flatten().min() {
            self.reactor.arm(next.max(now + TICK));
        }
    }

    fn close(&self) {
        self.closed.set(true);
        for flight in self.under_way() {
            self.abort(&flight, given_up(&flight, "the client was closed"));
        }
        self.executor.clear();
        self.pools.take().values().for_each(|pool| pool.clear());
        self.ready.take();
    }

    /// The exchanges that are not over, as of now.
    fn under_way(&self) -> impl Iterator<Item = Rc<Flight>> + use<> {
        let flights = self.flights.borrow();
        let flights: Vec<_> =
            flights.iter().map(|(_, flight)| flight).filter(|each| !each.is_over()).cloned().collect();
        flights.into_iter()
    }

    fn pool(&self, origin: &Arc<Origin>) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        // The pool keeps its origin alive, so no other can have its address.
        let new = || Rc::new(Pool::new(Arc::clone(origin), self.settings, Rc::clone(&self.reactor)));
        Rc::clone(pools.entry(Arc::as_ptr(origin) as usize).or_insert_with(new))
    }

    fn pools(&self) -> Vec<Rc<Pool>> {
        self.pools.borrow().values().cloned().collect()
    }
}

fn given_up(flight: &Flight, reason: &str) -> IoError {
    IoError::Unreachable { step: flight.peer.to_string(), reason: Arc::from(reason) }
}
