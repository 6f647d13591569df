//! `SseReader` reads what the WHATWG algorithm reads, for every way the bytes are cut.

use aigate_engine::frames::{Bounds, FrameError, SseReader, write_event};
use proptest::prelude::*;

use crate::{cut, places};

type Event = (Vec<u8>, Vec<u8>);

fn read(bounds: Bounds, chunks: &[&[u8]]) -> (Vec<Event>, Result<(), FrameError>) {
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

fn events(stream: &[u8]) -> Vec<Event> {
    read(Bounds::default(), &[stream]).0
}

fn event(name: &str, data: &str) -> Event {
    (name.into(), data.into())
}

/// The standard's algorithm, word for word, on a whole stream.
fn reference(stream: &[u8]) -> Vec<Event> {
    let mut rest = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let (mut events, mut name, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = &rest[..end];
        rest = if rest[end..].starts_with(b"\r\n") { &rest[end + 2..] } else { &rest[end + 1..] };
        if line.is_empty() {
            if !buffer.is_empty() {
                buffer.pop();
                events.push((name, buffer));
            }
            (name, buffer) = (Vec::new(), Vec::new());
            continue;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(0) => continue,
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match field {
            b"event" => name = value.to_vec(),
            b"data" => {
                buffer.extend_from_slice(value);
                buffer.push(b'\n');
            }
            _ => {}
        }
    }
    events
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"".to_vec()),
        4 => "data: ?[a-zé👋 :{}]{0,12}".prop_map(String::into_bytes),
        1 => Just(b"data".to_vec()),
        1 => "event: ?[a-z]{0,6}".prop_map(String::into_bytes),
        1 => "(id|retry): ?[0-9]{0,4}".prop_map(String::into_bytes),
        1 => ":[ a-zé]{0,8}".prop_map(String::into_bytes),
        1 => "( data|data |Data|datax|event2|foo)(: x)?".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = prop::sample::select(vec![&b"\n"[..], b"\r", b"\r\n"]);
    let start =
        prop::sample::select(vec![&b""[..], b"\xEF\xBB\xBF", b"\xEF\xBB", b"\xEF\xBB\xBF\xEF\xBB\xBF"]);
    let lines = prop::collection::vec((line(), end), 0..24);
    (start, lines, line()).prop_map(|(start, lines, last)| {
        let lines = lines.iter().flat_map(|(line, end)| [line, *end]).flatten();
        start.iter().chain(lines).chain(&last).copied().collect()
    })
}

#[test]
fn a_field_without_value_is_data() {
    // The example of the standard: two events, the last block is not closed.
    assert_eq!(events(b"data\n\ndata\ndata\n\ndata:"), [event("", ""), event("", "\n")]);
}

#[test]
fn one_space_after_the_colon_is_not_data() {
    assert_eq!(events(b"data:test\n\ndata:  test\n\n"), [event("", "test"), event("", " test")]);
}

#[test]
fn the_name_is_of_one_event_only() {
    let stream = b"event: add\ndata: 1\n\nevent: void\n\ndata: 2\nid: 7\nretry: 9\nevent: a\nevent: b\n\n";
    assert_eq!(events(stream), [event("add", "1"), event("b", "2")]);
}

#[test]
fn comments_and_unknown_fields_are_nothing() {
    assert_eq!(events(b": hi\n:\n\nfoo: x\ndata: 1\n:in\ndata: 2\n\n"), [event("", "1\n2")]);
}

#[test]
fn a_cr_closes_an_event_without_waiting_for_an_lf() {
    let mut reader = SseReader::new(Bounds::default());
    let mut seen = Vec::new();
    for chunk in ["data: 1\r\n\r", "\ndata: 2\r\r", "\n", "\r\n"] {
        let mut count = 0;
        reader.feed(chunk.as_bytes(), |_| count += 1).unwrap();
        seen.push(count);
    }
    assert_eq!(seen, [1, 1, 0, 0]);
}

#[test]
fn a_line_may_be_as_long_as_its_bound() {
    let bounds = Bounds { line_bytes: 10, event_bytes: 100 };
    assert_eq!(read(bounds, &[b"data: 1234\r\n\r\n"]), (vec![event("", "1234")], Ok(())));
    for chunks in [&[&b"data: 12345\n\n"[..]][..], &[b"data: 12", b"345"], &[b"data: 1", b"\n: 789012345\n"]]
    {
        assert_eq!(read(bounds, chunks).1, Err(FrameError::LineTooLong(10)));
    }
}

#[test]
fn an_event_may_be_as_long_as_its_bound() {
    let bounds = Bounds { line_bytes: 100, event_bytes: 16 };
    assert_eq!(read(bounds, &[b"data: 1\ndata: 2\n\r\n"]), (vec![event("", "1\n2")], Ok(())));
    for chunks in [&[&b"data: 1\ndata: 23\n\n"[..]][..], &[b"data: 1\n", b"id\nid\nid\n"]] {
        assert_eq!(read(bounds, chunks).1, Err(FrameError::EventTooLong(16)));
    }
}

#[test]
fn events_before_an_error_are_read_and_the_error_stays() {
    let bounds = Bounds { line_bytes: 8, event_bytes: 100 };
    let mut reader = SseReader::new(bounds);
    let mut count = 0;
    assert!(reader.feed(b"data: 1\n\ndata: 123456", |_| count += 1).is_err());
    assert!(reader.feed(b"\n\ndata: 1\n\n", |_| count += 1).is_err());
    assert_eq!(count, 1);
}

#[test]
fn comments_are_not_gathered_into_an_event() {
    let mut reader = SseReader::new(Bounds { line_bytes: 100, event_bytes: 100 });
    for _ in 0..1000 {
        reader.feed(b": still here, no blank line between us\n", |_| {}).unwrap();
    }
}

#[test]
fn the_default_bounds_are_a_mebibyte_and_eight() {
    assert_eq!(Bounds::default(), Bounds { line_bytes: 1 << 20, event_bytes: 8 << 20 });
}

#[test]
fn names_that_are_two_lines_are_not_written() {
    assert!(write_event("a\rb", b"").is_err());
    assert!(write_event("a\nb", b"").is_err());
}

proptest! {
    #[test]
    fn agrees_with_the_standard_however_cut(stream in stream(), places in places()) {
        let expected = reference(&stream);
        prop_assert_eq!(&events(&stream), &expected);
        prop_assert_eq!(&read(Bounds::default(), &cut(&stream, &places)).0, &expected);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&read(Bounds::default(), &bytes).0, &expected);
    }

    #[test]
    fn bounds_do_not_depend_on_the_cuts(
        stream in stream(),
        places in places(),
        line_bytes in 0_usize..16,
        event_bytes in 0_usize..32,
    ) {
        let bounds = Bounds { line_bytes, event_bytes };
        let expected = read(bounds, &[&stream]);
        prop_assert_eq!(&read(bounds, &cut(&stream, &places)), &expected);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&read(bounds, &bytes), &expected);
    }

    #[test]
    fn what_is_written_is_read(name in "[a-z_.é]{0,12}", data in "[a-z\r\n :é👋]{0,40}") {
        let frame = write_event(&name, data.as_bytes()).unwrap();
        let data = data.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(events(&frame), [event(&name, &data)]);
    }
}
