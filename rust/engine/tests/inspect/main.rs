//! The inspect part from outside: what is read, what is refused, what an edit changes, what a hash tells apart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod edits;
mod hash;
mod oracle;
mod refusals;
mod replies;
mod requests;
mod spelling;
mod tree;
