//! The load: a fixed number of keep-alive connections, either each busy all the time (closed loop) or taking requests
//! off a fixed timetable (open loop). In the open loop a latency starts when the request was *due*, not when a
//! connection was free for it, so a stall is charged to every request it delayed (no coordinated omission).
//!
//! Invariant: whatever is begun is finished and counted, or counted as an error; the run ends when nothing is open, so
//! that CPU time taken over the whole run belongs to exactly the requests reported.

mod bodies;
mod connection;
mod events;
mod report;
mod response;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use argh::FromArgs;

use self::bodies::{Bodies, Target};
use self::connection::{Connection, Step};
use self::report::{Report, Tally};
use crate::poller::{Poller, Ready};

const SCRATCH: usize = 64 * 1024;

/// Put load on an address and print one JSON object with what came back.
#[derive(FromArgs)]
#[argh(subcommand, name = "client")]
pub struct Options {
    /// where to: IP:PORT
    #[argh(option)]
    address: SocketAddr,
    /// path of every request (default /v1/chat/completions)
    #[argh(option, default = "String::from(\"/v1/chat/completions\")")]
    path: String,
    /// extra header, NAME:VALUE; may be repeated
    #[argh(option)]
    header: Vec<String>,
    /// file with one JSON body a line, taken in turn; a run of eight or more `@` in it becomes the request's number
    #[argh(option)]
    bodies: PathBuf,
    /// number of the first request, for bodies that have never been sent before
    #[argh(option, default = "0")]
    first_number: u64,
    /// connections, all kept open (default 64)
    #[argh(option, default = "64")]
    connections: usize,
    /// begin requests for this long
    #[argh(option, default = "5.0")]
    seconds: f64,
    /// begin at most this many requests
    #[argh(option, default = "u64::MAX")]
    requests: u64,
    /// open loop: requests a second, evenly spaced; 0 = closed loop
    #[argh(option, default = "0.0")]
    rate: f64,
    /// leave latencies of the first part of the run out of the percentiles, in seconds
    #[argh(option, default = "0.0")]
    warm_up: f64,
    /// give up on what is still open this long after the last request was begun, in seconds
    #[argh(option, default = "30.0")]
    patience: f64,
}

/// When requests may begin.
enum Arrivals {
    /// As soon as a connection is free.
    Closed,
    Timetable {
        interval: Duration,
        next: Instant,
    },
}

struct Load {
    poller: Poller,
    bodies: Bodies,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    /// Due times nobody was free for, oldest first.
    late: VecDeque<Instant>,
    arrivals: Arrivals,
    tally: Tally,
    left: u64,
    until: Instant,
    deadline: Instant,
}

pub fn run(options: &Options) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    let report = Load::prepare(options)?.run()?;
    report.print()
}

// === impl Load ===

impl Load {
    fn prepare(options: &Options) -> io::Result<Self> {
        let target = Target { address: options.address, path: &options.path, headers: &options.header };
        let bodies = Bodies::read(&options.bodies, &target, options.first_number)?;
        let poller = Poller::new()?;
        let mut connections = Vec::with_capacity(options.connections);
        for key in 0..options.connections {
            connections.push(Connection::open(options.address, &poller, key)?);
        }
        let now = Instant::now();
        let until = now + Duration::from_secs_f64(options.seconds);
        let arrivals = if options.rate > 0.0 {
            Arrivals::Timetable { interval: Duration::from_secs_f64(options.rate.recip()), next: now }
        } else {
            Arrivals::Closed
        };
        Ok(Self {
            poller,
            bodies,
            idle: (0..connections.len()).collect(),
            connections,
            late: VecDeque::new(),
            arrivals,
            tally: Tally::new(now + Duration::from_secs_f64(options.warm_up))?,
            left: options.requests,
            until,
            deadline: until + Duration::from_secs_f64(options.patience),
        })
    }

    fn run(mut self) -> io::Result<Report> {
        let started = Instant::now();
        let mut ready: Vec<Ready> = Vec::with_capacity(1024);
        let mut scratch = vec![0; SCRATCH];
        loop {
            let next = self.begin_due()?;
            let open = self.connections.len() - self.idle.len();
            if open == 0 && next.is_none() {
                break;
            }
            let now = Instant::now();
            if now >= self.deadline {
                self.tally.abandoned(open + self.late.len());
                break;
            }
            let wake = next.unwrap_or(self.deadline).saturating_duration_since(now);
            self.poller.wait(Some(wake), &mut ready)?;
            for event in &ready {
                self.attend(event.key, &mut scratch)?;
            }
        }
        Ok(self.tally.report(started.elapsed()))
    }

    /// Begins whatever is due; when the next request is due, or None when there will be no more.
    fn begin_due(&mut self) -> io::Result<Option<Instant>> {
        let now = Instant::now();
        loop {
            let due = match (self.late.front(), &mut self.arrivals) {
                (Some(_), _) if self.idle.is_empty() => return Ok(Some(self.deadline)),
                (Some(&due), _) => {
                    self.late.pop_front();
                    due
                }
                _ if self.left == 0 => return Ok(None),
                (None, Arrivals::Closed) if now >= self.until => return Ok(None),
                (None, Arrivals::Closed) if self.idle.is_empty() => return Ok(Some(self.until)),
                (None, Arrivals::Closed) => {
                    self.left -= 1;
                    now
                }
                (None, Arrivals::Timetable { next, .. }) if *next >= self.until => return Ok(None),
                (None, Arrivals::Timetable { next, .. }) if *next > now => return Ok(Some(*next)),
                (None, Arrivals::Timetable { next, interval }) => {
                    self.left -= 1;
                    let due = *next;
                    *next += *interval;
                    due
                }
            };
            match self.idle.pop_front() {
                Some(key) => self.begin(key, due)?,
                None => self.late.push_back(due),
            }
        }
    }

    fn begin(&mut self, key: usize, due: Instant) -> io::Result<()> {
        let request = self.bodies.next_request();
        match self.connections[key].send(request, due) {
            Ok(()) => {
                self.tally.sent(due);
                Ok(())
            }
            Err(error) => {
                self.tally.failed(&error.to_string());
                self.reopen(key)
            }
        }
    }

    fn attend(&mut self, key: usize, scratch: &mut [u8]) -> io::Result<()> {
        match self.connections[key].receive(scratch) {
            Step::Waiting => Ok(()),
            Step::Answered(answer) => {
                self.tally.answered(&answer);
                if answer.closing {
                    return self.reopen(key);
                }
                self.idle.push_back(key);
                Ok(())
            }
            Step::Failed(why) => {
                self.tally.failed(&why);
                self.reopen(key)
            }
            Step::ClosedIdle => {
                self.tally.reconnected();
                self.reopen(key)
            }
        }
    }

    fn reopen(&mut self, key: usize) -> io::Result<()> {
        let address = self.connections[key].address();
        self.connections[key] = Connection::open(address, &self.poller, key)?;
        if !self.idle.contains(&key) {
            self.idle.push_back(key);
        }
        Ok(())
    }
}
