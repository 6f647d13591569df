//! Server-sent events: cutting a byte stream into frames, reading them, relaying them, writing them.
//!
//! Owns the WHATWG event-stream grammar, and what the gateway must notice in an OpenAI-shaped chat stream while it
//! passes. Does not own sockets, prices or what is done about an error. Invariant: every result is the same for every
//! way the bytes are cut into chunks, and memory is bounded whatever the bytes are.

mod chunk;
mod fields;
mod in_band;
mod outgoing;
mod reader;
mod relay;
mod said;
mod split;
mod write;

pub use in_band::InBandError;
pub use reader::{SseEvent, SseReader};
pub use relay::{ChatRelay, Facts, Rewrite};
pub use write::{LineEndInName, write_event};

/// How much of a stream may be held before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of one line, its end not among them.
    pub line_bytes: usize,
    /// Bytes of one event as it is on the wire, up to its closing blank line.
    pub event_bytes: usize,
}

impl Default for Bounds {
    /// Room for an image as base64 in the arguments of a tool call.
    fn default() -> Self {
        Self { line_bytes: 1 << 20, event_bytes: 8 << 20 }
    }
}

/// Why a stream cannot be read on. It stays so: every later call fails with the same error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("event stream: a line is over the bound of {0} bytes")]
    LineTooLong(usize),
    #[error("event stream: an event is over the bound of {0} bytes")]
    EventTooLong(usize),
}
