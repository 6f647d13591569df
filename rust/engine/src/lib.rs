//! The gateway's hot path as plain Rust: bytes and integers in, bytes and integers out.
//!
//! Owns what is done once per byte of traffic: reading request bodies, counting tokens, framing streams.
//! Does not own sockets, clocks, policy or anything of Python; a caller can fuzz every part with byte strings.
#![forbid(unsafe_code)]

pub mod frames;
pub mod inspect;
pub mod tokens;
