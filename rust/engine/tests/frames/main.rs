//! The frames part from outside: what is read, what is relayed, what is noticed, and that the cuts do not matter.
#![allow(clippy::unwrap_used)]

mod reader;
mod relay;
mod relay_errors;
mod relay_properties;
mod relay_tokens;

use aigate_engine::{
    frames::{ChatRelay, Facts, Rewrite},
    tokens::encoding,
};
use proptest::{prelude::*, sample::Index};
use serde_json::json;

const ENCODING: &str = "o200k_base";
const ALIAS: &str = "the \"alias\"";

/// `stream` in pieces, cut at these places.
fn cut<'a>(stream: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(stream.len() + 1)).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}

fn places() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..8)
}

fn relay(rewrite: Rewrite) -> ChatRelay {
    ChatRelay::new(rewrite, encoding(ENCODING).unwrap())
}

/// All that goes on, and the relay afterwards.
fn run(rewrite: &Rewrite, chunks: &[&[u8]]) -> (Vec<u8>, ChatRelay) {
    let mut relay = relay(rewrite.clone());
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&relay.feed(chunk).unwrap());
    }
    out.extend_from_slice(&relay.finish().unwrap());
    (out, relay)
}

fn out(rewrite: &Rewrite, stream: &str) -> String {
    String::from_utf8(run(rewrite, &[stream.as_bytes()]).0).unwrap()
}

fn facts(stream: &str) -> Facts {
    run(&Rewrite::default(), &[stream.as_bytes()]).1.facts().clone()
}

fn frame(payload: &str) -> String {
    format!("data: {payload}\n\n")
}

fn delta(delta: &str) -> String {
    frame(&format!(r#"{{"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#))
}

fn content(text: &str) -> String {
    delta(&json!({ "content": text }).to_string())
}
