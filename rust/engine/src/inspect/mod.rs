//! Reading JSON bodies once, in place.
//!
//! Owns what the gateway learns from a request body and from a whole reply, the surgical edits of their bytes, and the
//! canonical hash. Does not own the meaning of a model's name, token counts or prices. Invariant: what is accepted here
//! is accepted by every RFC 8259 parser, with the same value for every member the gateway acts on.

mod body;
mod canonical;
mod edit;
mod escape;
mod reply;
mod request;
pub(crate) mod scan;
pub(crate) mod text;
mod usage;

pub use body::{Body, Edits};
pub use edit::Edited;
pub use reply::Reply;
pub use request::InspectError;
pub use scan::{Flaw, MAX_DEPTH, SyntaxError};
pub use text::{SpanKind, Text};
pub use usage::{MAX_RAW_USAGE_BYTES, MAX_TOKENS, UsageCounts, kept_usage, usage_of};
