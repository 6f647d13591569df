//! epoll with nanosecond timeouts, level-triggered, keyed by small integers.

use std::io;
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

pub struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// What a socket waits for. Hang-ups are always told, as `readable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    Read,
    ReadAndWrite,
}

#[derive(Clone, Copy)]
pub struct Ready {
    pub key: usize,
    /// Not only that a write may go on.
    pub readable: bool,
}

// === impl Poller ===

impl Poller {
    pub fn new() -> io::Result<Self> {
        // The default slack of 50 µs would be added to every planned send.
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(1024) })
    }

    pub fn add(&self, source: impl AsFd, key: usize) -> io::Result<()> {
        let data = epoll::EventData::new_u64(key as u64);
        Ok(epoll::add(&self.epoll, source, data, Interest::Read.flags())?)
    }

    pub fn change(&self, source: impl AsFd, key: usize, interest: Interest) -> io::Result<()> {
        let data = epoll::EventData::new_u64(key as u64);
        Ok(epoll::modify(&self.epoll, source, data, interest.flags())?)
    }

    /// Waits until something is ready or `timeout` is over (None: for ever) and appends to `ready`, which it clears.
    pub fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| {
            let flags = event.flags;
            let readable = !flags.difference(epoll::EventFlags::OUT).is_empty();
            Ready { key: event.data.u64() as usize, readable }
        }));
        Ok(())
    }
}

/// Both ends send small pieces that must leave at once and never block.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)
}

// === impl Interest ===

impl Interest {
    fn flags(self) -> epoll::EventFlags {
        let read = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        match self {
            Self::Read => read,
            Self::ReadAndWrite => read | epoll::EventFlags::OUT,
        }
    }
}
