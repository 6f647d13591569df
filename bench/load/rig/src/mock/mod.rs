//! The upstream: answers chat completions with canned bytes, at a pace set per port, one thread.
//!
//! Invariant: an answer is a script of segments, each its own `send`, each sent no earlier than its time; a slow reader
//! holds up only itself.

mod request;
mod script;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::rc::Rc;
use std::str::FromStr;
use std::time::{Duration, Instant};

use argh::FromArgs;
use serde::Serialize;

use self::request::{Route, read_request};
use self::script::Script;
use crate::poller::{Interest, Poller, Ready, prepare};

const SCRATCH: usize = 64 * 1024;
const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// Serve canned chat completions on loopback.
#[derive(FromArgs)]
#[argh(subcommand, name = "mock")]
pub struct Options {
    /// PORT=MS: listen on the port and pause MS milliseconds between the events of a stream; may be repeated
    #[argh(option)]
    listen: Vec<Listen>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Listen {
    port: u16,
    pace: Duration,
}

/// What the mock has served since its start; told at `GET /stats`.
#[derive(Serialize, Default, Clone, Copy)]
struct Served {
    plain: u64,
    streams: u64,
    aborted: u64,
    refused: u64,
}

struct Port {
    socket: TcpListener,
    stream: Rc<Script>,
}

struct Connection {
    socket: TcpStream,
    port: usize,
    input: Vec<u8>,
    playing: Option<Playing>,
    interest: Interest,
    generation: u64,
}

struct Playing {
    script: Rc<Script>,
    started: Instant,
    segment: usize,
    offset: usize,
}

enum Played {
    Whole,
    Until(Instant),
    Blocked,
}

/// Due time, place in `connections`, and which occupant of that place it was set for.
type Timer = Reverse<(Instant, usize, u64)>;

struct Server {
    poller: Poller,
    ports: Vec<Port>,
    plain: Rc<Script>,
    models: Rc<Script>,
    refusal: Rc<Script>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    timers: BinaryHeap<Timer>,
    generations: u64,
    served: Served,
}

pub fn run(options: &Options) -> io::Result<()> {
    // A harness that was killed must not leave an upstream behind.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    Server::bind(&options.listen)?.serve()
}

// === impl Listen ===

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, pace) = text.split_once('=').ok_or("expected PORT=MS")?;
        let port = port.parse().map_err(|e| format!("port: {e}"))?;
        let pace = pace.parse().map_err(|e| format!("pace: {e}"))?;
        Ok(Self { port, pace: Duration::from_millis(pace) })
    }
}

// === impl Server ===

impl Server {
    fn bind(listen: &[Listen]) -> io::Result<Self> {
        let poller = Poller::new()?;
        let mut ports = Vec::with_capacity(listen.len());
        for (key, at) in listen.iter().enumerate() {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, at.port))?;
            socket.set_nonblocking(true)?;
            poller.add(&socket, key)?;
            ports.push(Port { socket, stream: Rc::new(Script::stream(at.pace)) });
        }
        Ok(Self {
            poller,
            ports,
            plain: Rc::new(Script::plain()),
            models: Rc::new(Script::models()),
            refusal: Rc::new(Script::refusal()),
            connections: Vec::new(),
            free: Vec::new(),
            timers: BinaryHeap::new(),
            generations: 0,
            served: Served::default(),
        })
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut ready: Vec<Ready> = Vec::with_capacity(1024);
        let mut scratch = vec![0; SCRATCH];
        loop {
            let timeout =
                self.timers.peek().map(|Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
            self.poller.wait(timeout, &mut ready)?;
            for event in &ready {
                if event.key < self.ports.len() {
                    self.accept(event.key)?;
                } else {
                    self.attend(event.key - self.ports.len(), event.readable, &mut scratch)?;
                }
            }
            self.play_due()?;
        }
    }

    fn accept(&mut self, port: usize) -> io::Result<()> {
        loop {
            let socket = match self.ports[port].socket.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            prepare(&socket)?;
            self.generations += 1;
            let place = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.poller.add(&socket, self.ports.len() + place)?;
            self.connections[place] = Some(Connection {
                socket,
                port,
                input: Vec::new(),
                playing: None,
                interest: Interest::Read,
                generation: self.generations,
            });
        }
    }

    fn attend(&mut self, place: usize, readable: bool, scratch: &mut [u8]) -> io::Result<()> {
        let Some(connection) = self.connections[place].as_mut() else { return Ok(()) };
        if readable {
            match connection.socket.read(scratch) {
                Ok(0) => {
                    self.drop_connection(place);
                    return Ok(());
                }
                Ok(n) => self.take(place, &scratch[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.drop_connection(place);
                    return Ok(());
                }
            }
        }
        self.play(place)
    }

    /// Adds bytes to a connection and, unless an answer is still going out, begins the next one.
    fn take(&mut self, place: usize, bytes: &[u8]) {
        let Some(mut connection) = self.connections[place].take() else { return };
        let whole = if connection.input.is_empty() {
            bytes
        } else {
            connection.input.extend_from_slice(bytes);
            &connection.input
        };
        let answer = if connection.playing.is_none() { read_request(whole) } else { Ok(None) };
        match answer {
            Ok(Some(request)) => {
                let rest = whole[request.length..].to_vec();
                connection.input = rest;
                connection.playing = Some(Playing::new(self.answer(request.route, connection.port)));
            }
            Ok(None) if whole.len() <= MAX_REQUEST => {
                if connection.input.is_empty() {
                    connection.input = bytes.to_vec();
                }
            }
            Ok(None) | Err(_) => {
                self.served.refused += 1;
                connection.input.clear();
                connection.playing = Some(Playing::new(Rc::clone(&self.refusal)));
            }
        }
        self.connections[place] = Some(connection);
    }

    fn answer(&mut self, route: Route, port: usize) -> Rc<Script> {
        match route {
            Route::Chat { stream: false } => {
                self.served.plain += 1;
                Rc::clone(&self.plain)
            }
            Route::Chat { stream: true } => {
                self.served.streams += 1;
                Rc::clone(&self.ports[port].stream)
            }
            Route::Models => Rc::clone(&self.models),
            Route::Stats => Rc::new(Script::json("200 OK", &serde_json::json!(self.served).to_string())),
            Route::Unknown => {
                self.served.refused += 1;
                Rc::clone(&self.refusal)
            }
        }
    }

    fn play(&mut self, place: usize) -> io::Result<()> {
        let Some(connection) = self.connections[place].as_mut() else { return Ok(()) };
        let Some(playing) = connection.playing.as_mut() else { return Ok(()) };
        let wanted = match playing.advance(&mut connection.socket) {
            Ok(Played::Whole) => {
                connection.playing = None;
                Interest::Read
            }
            Ok(Played::Until(due)) => {
                self.timers.push(Reverse((due, place, connection.generation)));
                Interest::Read
            }
            Ok(Played::Blocked) => Interest::ReadAndWrite,
            Err(_) => {
                self.drop_connection(place);
                return Ok(());
            }
        };
        if connection.interest != wanted {
            connection.interest = wanted;
            self.poller.change(&connection.socket, self.ports.len() + place, wanted)?;
        }
        if connection.playing.is_none() && !connection.input.is_empty() {
            self.take(place, &[]);
            return self.play(place);
        }
        Ok(())
    }

    fn play_due(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(&Reverse((due, place, generation))) = self.timers.peek() {
            if due > now {
                break;
            }
            self.timers.pop();
            if self.connections[place].as_ref().is_some_and(|c| c.generation == generation) {
                self.play(place)?;
            }
        }
        Ok(())
    }

    fn drop_connection(&mut self, place: usize) {
        if let Some(connection) = self.connections[place].take() {
            self.served.aborted += u64::from(connection.playing.is_some());
            self.free.push(place);
        }
    }
}

// === impl Playing ===

impl Playing {
    fn new(script: Rc<Script>) -> Self {
        Self { script, started: Instant::now(), segment: 0, offset: 0 }
    }

    /// Sends every segment whose time has come, one `send` each.
    fn advance(&mut self, socket: &mut TcpStream) -> io::Result<Played> {
        while let Some(segment) = self.script.segments.get(self.segment) {
            let due = self.started + self.script.pace * self.segment as u32;
            if !self.script.pace.is_zero() && due > Instant::now() {
                return Ok(Played::Until(due));
            }
            match socket.write(&segment[self.offset..]) {
                Ok(n) if self.offset + n < segment.len() => self.offset += n,
                Ok(_) => {
                    self.segment += 1;
                    self.offset = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Played::Blocked),
                Err(error) => return Err(error),
            }
        }
        Ok(Played::Whole)
    }
}
