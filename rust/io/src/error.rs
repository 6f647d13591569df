//! Everything that can go wrong, split by whose fault it is.
//!
//! Owns the wording. A message names the host and the step, and never holds a header, a body or a credential.

use std::{fmt, io, sync::Arc};

/// Why an exchange failed. Cheap to clone: every later look at the exchange reports it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IoError {
    /// A part of the request that cannot be put on the wire; `param` names it.
    #[error("{param}: {reason}")]
    Refused { param: String, reason: &'static str },
    /// No connection could be made, or it broke; `step` says where, for example `connect to example.com:443`.
    #[error("{step}: {reason}")]
    Unreachable { step: String, reason: Arc<str> },
    /// A deadline passed.
    #[error("{peer}: {deadline} {ms} ms")]
    Timeout { peer: Arc<str>, deadline: Deadline, ms: u64 },
    /// The answer is not what HTTP allows, or over a bound.
    #[error("{peer}: {reason}")]
    Invalid { peer: Arc<str>, reason: Arc<str> },
    /// A bug of the owner's: a handle is used where its client does not live.
    #[error("used outside of the thread of its event loop, or after its client was dropped")]
    Elsewhere,
}

/// Which deadline; its display text is completed by the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Name, TCP, proxy and TLS, and waiting for a free connection.
    Connect,
    /// The peer takes no more of the request.
    Send,
    /// From the request being sent to the head of the answer.
    FirstByte,
    /// Between two reads of the answer.
    Idle,
    /// The whole exchange.
    Total,
}

/// An origin's settings do not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OriginError(pub String);

impl fmt::Display for Deadline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Connect => "not connected within",
            Self::Send => "took nothing of the request for",
            Self::FirstByte => "no answer began within",
            Self::Idle => "the answer stood still for",
            Self::Total => "the answer was not complete within",
        })
    }
}

impl OriginError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The reason in an [`io::Error`], in lower case and without the number.
pub(crate) fn reason(error: &io::Error) -> Arc<str> {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(
        || Arc::from("unknown"),
        |first| Arc::from(first.to_lowercase().chain(chars).collect::<String>()),
    )
}
