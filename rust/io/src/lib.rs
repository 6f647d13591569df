//! The outbound HTTP client of one worker: HTTP/1.1 and HTTP/2, TLS, proxies, pools, deadlines, cancellation.
//!
//! Owns every outbound socket and everything that happens on it until an answer's bytes are handed over. Does not know
//! Python, what the bytes mean, or whether a failed attempt is worth another. It is driven by the event loop that owns
//! it: [`Client::fd`] is readable when [`Client::turn`] has work, and nothing here ever waits; the only threads are the
//! few that call `getaddrinfo`.
//!
//! Invariant: a request is written to at most one connection, unless the peer said, or the kernel proves, that nothing
//! of it was processed there.
#![forbid(unsafe_code)]

mod client;
mod dial;
mod error;
mod exchange;
mod executor;
mod flight;
mod head;
mod http1;
mod http2;
mod origin;
mod pool;
mod reactor;
mod request;
mod resolve;
mod socket;
mod tls;

pub use client::{Client, Exchange, Settings};
pub use error::{Deadline, IoError, OriginError};
pub use flight::{Deadlines, Timings};
pub use head::Head;
pub use origin::{Origin, Proxy};
pub use request::Request;
