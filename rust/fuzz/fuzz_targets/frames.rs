//! Invariant: however a stream is cut, the reader reads the same events or fails the same, the relay hands on the same
//! bytes and notices the same; without edits those bytes are the stream itself, up to an error of the provider's; and
//! edits made once are made: a second time there is nothing to do.
#![no_main]

use aigate_engine::{
    frames::{Bounds, ChatRelay, FrameError, Rewrite, SseReader},
    tokens::{Encoding, encoding},
};
use libfuzzer_sys::fuzz_target;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Events with name and data, and how it ended.
type Outcome = (Vec<(Vec<u8>, Vec<u8>)>, Result<(), FrameError>);

fn known() -> &'static Encoding {
    encoding("o200k_base").expect("an encoding that is always there")
}

fn read(bounds: Bounds, chunks: &[&[u8]]) -> Outcome {
    let mut reader = SseReader::new(bounds);
    let mut events = Vec::new();
    for chunk in chunks {
        let outcome = reader.feed(chunk, |event| events.push((event.name.to_vec(), event.data.into_owned())));
        if outcome.is_err() {
            return (events, outcome);
        }
    }
    (events, Ok(()))
}

/// What goes on, all that was noticed, and whether there was an error.
fn relay(rewrite: &Rewrite, chunks: &[&[u8]]) -> (Vec<u8>, String, bool) {
    let mut relay = ChatRelay::new(rewrite.clone(), known());
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&relay.feed(chunk).expect("no input is as long as a bound"));
    }
    out.extend_from_slice(&relay.finish().expect("no input is as long as a bound"));
    let noticed = format!("{:?} {} {}", relay.facts(), relay.is_finished(), relay.output_tokens(known()));
    (out, noticed, relay.facts().error.is_some())
}

/// `stream` in pieces of these sizes, over and over.
fn cut<'a>(mut stream: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (chunk, rest) = stream.split_at(stream.len().min(usize::from(*size) + 1));
        chunks.push(chunk);
        stream = rest;
    }
    chunks
}

fuzz_target!(|data: &[u8]| {
    let Some(([flags, line, event, sizes @ ..], stream)) = data.split_first_chunk::<6>() else { return };
    let chunks = cut(stream, sizes);
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();

    let tight = Bounds { line_bytes: usize::from(*line), event_bytes: usize::from(*event) };
    for bounds in [Bounds::default(), tight] {
        let expected = read(bounds, &[stream]);
        assert_eq!(read(bounds, &chunks), expected);
        assert_eq!(read(bounds, &bytes), expected);
    }

    let (out, _, is_broken) = relay(&Rewrite::default(), &[stream]);
    assert!(stream.starts_with(&out) && (is_broken || out == stream));
    let edits = Rewrite { strip_usage: flags & 1 == 0, model: (flags & 2 == 0).then(|| "alias".to_owned()) };
    for rewrite in [Rewrite::default(), edits] {
        let expected = relay(&rewrite, &[stream]);
        assert_eq!(relay(&rewrite, &chunks), expected);
        assert_eq!(relay(&rewrite, &bytes), expected);
        // Without the frames before it a byte order mark may come to stand at the start, where it means something.
        if !stream.windows(BYTE_ORDER_MARK.len()).any(|bytes| bytes == BYTE_ORDER_MARK) {
            assert_eq!(relay(&rewrite, &[&expected.0]).0, expected.0);
        }
    }
});
