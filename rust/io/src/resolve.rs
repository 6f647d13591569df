//! Names to addresses, on a few threads of their own, because `getaddrinfo` blocks.
//!
//! Owns the threads and a short memory of good answers. Exchanges that ask for the same name share one look-up. A
//! look-up that hangs holds its thread, not the exchange: that one has a deadline.

use std::{
    cell::RefCell,
    collections::HashMap,
    future::poll_fn,
    io,
    net::{IpAddr, ToSocketAddrs},
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use crate::{error::reason, reactor::Reactor};

const MAX_THREADS: usize = 4;
const REMEMBER: Duration = Duration::from_secs(30);

/// Addresses in the system's order of preference, or why there are none.
pub(crate) type Resolved = Result<Rc<[IpAddr]>, Arc<str>>;

type Answer = (String, Result<Vec<IpAddr>, String>);

pub(crate) struct Resolver {
    caller: Arc<mio::Waker>,
    questions: Sender<String>,
    /// For the threads: each takes the next question when it is free.
    asked: Arc<Mutex<Receiver<String>>>,
    answers: Receiver<Answer>,
    answer_to: Sender<Answer>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    threads: usize,
    known: HashMap<Arc<str>, (Instant, Rc<[IpAddr]>)>,
    pending: HashMap<Arc<str>, Rc<Pending>>,
}

#[derive(Default)]
struct Pending {
    answer: RefCell<Option<Resolved>>,
    waiting: RefCell<Vec<Waker>>,
}

// === impl Resolver ===

impl Resolver {
    pub(crate) fn new(reactor: &Reactor) -> Self {
        let (questions, asked) = mpsc::channel();
        let (answer_to, answers) = mpsc::channel();
        Self {
            caller: reactor.caller(),
            questions,
            asked: Arc::new(Mutex::new(asked)),
            answers,
            answer_to,
            state: RefCell::default(),
        }
    }

    pub(crate) async fn resolve(&self, host: &str) -> Resolved {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Rc::from([address]));
        }
        if let Some(addresses) = self.remembered(host) {
            return Ok(addresses);
        }
        let pending = self.ask(host)?;
        poll_fn(|context| {
            if let Some(answer) = &*pending.answer.borrow() {
                return Poll::Ready(answer.clone());
            }
            let mut waiting = pending.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Take in what the threads have found.
    pub(crate) fn collect(&self) {
        while let Ok((host, found)) = self.answers.try_recv() {
            let mut state = self.state.borrow_mut();
            let Some((host, pending)) = state.pending.remove_entry(host.as_str()) else { continue };
            let answer = found.map(Rc::from).map_err(Arc::from);
            if let Ok(addresses) = &answer {
                state.known.insert(host, (Instant::now() + REMEMBER, Rc::clone(addresses)));
            }
            drop(state);
            *pending.answer.borrow_mut() = Some(answer);
            pending.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    fn remembered(&self, host: &str) -> Option<Rc<[IpAddr]>> {
        let state = self.state.borrow();
        let (until, addresses) = state.known.get(host)?;
        (*until > Instant::now()).then(|| Rc::clone(addresses))
    }

    fn ask(&self, host: &str) -> Result<Rc<Pending>, Arc<str>> {
        let mut state = self.state.borrow_mut();
        if let Some(pending) = state.pending.get(host) {
            return Ok(Rc::clone(pending));
        }
        if state.threads < MAX_THREADS && state.threads <= state.pending.len() {
            self.start_thread().map_err(|error| reason(&error))?;
            state.threads += 1;
        }
        // The receiver lives in this very struct, so the question cannot be lost.
        let _ = self.questions.send(host.to_owned());
        let pending = Rc::new(Pending::default());
        state.pending.insert(Arc::from(host), Rc::clone(&pending));
        Ok(pending)
    }

    fn start_thread(&self) -> io::Result<()> {
        let (asked, answer_to, caller) =
            (Arc::clone(&self.asked), self.answer_to.clone(), Arc::clone(&self.caller));
        thread::Builder::new().name("aigate-resolve".to_owned()).spawn(move || {
            loop {
                let question = asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(host) = question else { return };
                let found = look_up(&host);
                if answer_to.send((host, found)).is_err() || caller.wake().is_err() {
                    return;
                }
            }
        })?;
        Ok(())
    }
}

fn look_up(host: &str) -> Result<Vec<IpAddr>, String> {
    match (host, 0).to_socket_addrs() {
        Err(error) => Err(reason(&error).to_string()),
        Ok(found) => {
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.dedup();
            if addresses.is_empty() { Err("the name has no address".to_owned()) } else { Ok(addresses) }
        }
    }
}
