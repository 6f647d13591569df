//! `ChatRelay` hands on the provider's bytes but for its edits, and notices the same, for every way the bytes are cut.

use aigate_engine::{
    frames::{Bounds, ChatRelay, Rewrite, SseEvent, SseReader},
    tokens::encoding,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{ALIAS, ENCODING, cut, places, run};

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), Just(json!("")), "[a-z \n\"é👋]{1,8}".prop_map(Value::from)]
}

fn choice() -> impl Strategy<Value = Value> {
    let reason = prop_oneof![3 => Just(Value::Null), 1 => Just(json!("stop"))];
    (0..3_u64, text(), text(), reason, any::<bool>()).prop_map(
        |(index, content, reasoning, reason, whole)| {
            let mut choice = json!({"finish_reason": reason, "index": index});
            if whole {
                choice["delta"] = json!({"content": content, "reasoning": reasoning});
            }
            choice
        },
    )
}

fn usage() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (0..100_u64, 0..100_u64).prop_map(
            |(prompt, completion)| json!({"prompt_tokens": prompt, "completion_tokens": completion})
        ),
        Just(json!({"prompt_tokens": -1})),
    ]
}

fn member() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        prop::collection::vec(choice(), 0..3).prop_map(|choices| ("choices", Value::from(choices))),
        usage().prop_map(|usage| ("usage", usage)),
        "[a-z\"é]{0,6}".prop_map(|model| ("model", Value::from(model))),
        Just(("error", Value::Null)),
        text().prop_map(|id| ("id", id)),
        any::<i64>().prop_map(|created| ("created", created.into())),
    ]
}

/// A chunk in some order of its members, with the white space of `style`.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let members = prop::collection::vec(member(), 0..6);
    (members, 0..3_u8).prop_map(|(members, style)| {
        let mut seen = Vec::new();
        let mut texts = Vec::new();
        for (name, value) in members {
            if !seen.contains(&name) {
                seen.push(name);
                texts.push(match style {
                    0 => format!("{}:{value}", json!(name)),
                    1 => format!(" {} : {value} ", json!(name)),
                    _ => format!("\n\"{name}\":\n{value:#}"),
                });
            }
        }
        format!("{{{}}}", texts.join(",")).into_bytes()
    })
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let end = prop::sample::select(vec!["\n", "\r", "\r\n"]);
    let colon = prop::sample::select(vec![":", ": "]);
    let data = prop_oneof![
        8 => payload(),
        1 => Just(b"[DONE]".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    let event = (data, colon, end, "((event: [a-d]|id: 4|retry|:[ é]|foo: x)\n){0,2}").prop_map(
        |(data, colon, end, fields)| {
            let mut frame = fields.replace('\n', end).into_bytes();
            for line in data.split(|byte| *byte == b'\n') {
                frame.extend([&b"data"[..], colon.as_bytes(), line, end.as_bytes()].concat());
            }
            frame.extend(end.as_bytes());
            frame
        },
    );
    let noise = "(: [a-z]{0,4}|event: b|)(\r|\n|\r\n)".prop_map(String::into_bytes);
    prop_oneof![4 => event, 1 => noise]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let tail = prop::sample::select(vec![&b""[..], b"data: {\"choices\"", b"\xEF", b": c", b"data: {}\r"]);
    let mark = prop::sample::select(vec![&b""[..], b"\xEF\xBB\xBF"]);
    (mark, prop::collection::vec(piece(), 0..12), tail)
        .prop_map(|(mark, pieces, tail)| [mark, &pieces.concat(), tail].concat())
}

fn error_frame() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec!["", "data: {\"error\":\"x\"}\n\n", "event: error\r\ndata: x\r\n\r\n"])
        .prop_map(|frame| frame.as_bytes().to_vec())
}

fn events(stream: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut events = Vec::new();
    let take = |event: SseEvent<'_>| {
        events.push((event.name.to_vec(), event.data.into_owned()));
    };
    SseReader::new(Bounds::default()).feed(stream, take).unwrap();
    events
}

fn object(data: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(data).ok()
}

fn is_usage_only(chunk: &Map<String, Value>) -> bool {
    chunk.get("choices") == Some(&json!([])) && chunk.get("usage").is_some_and(Value::is_object)
}

fn everything(relay: &ChatRelay) -> String {
    let tokens = relay.output_tokens(encoding(ENCODING).unwrap());
    format!("{:?} {} {tokens}", relay.facts(), relay.is_finished())
}

proptest! {
    #[test]
    fn without_edits_the_bytes_stay(stream in stream(), places in places()) {
        prop_assert_eq!(&run(&Rewrite::default(), &cut(&stream, &places)).0, &stream);
    }

    #[test]
    fn nothing_depends_on_the_cuts(
        before in stream(), error in error_frame(), after in stream(), places in places(),
        strip_usage: bool, renamed: bool,
    ) {
        let rewrite = Rewrite { strip_usage, model: renamed.then(|| ALIAS.into()) };
        let stream = [before, error, after].concat();
        let (expected, whole) = run(&rewrite, &[&stream]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        for chunks in [cut(&stream, &places), bytes] {
            let (out, relay) = run(&rewrite, &chunks);
            prop_assert_eq!(&out, &expected);
            prop_assert_eq!(everything(&relay), everything(&whole));
        }
    }

    #[test]
    fn edits_change_nothing_but_what_they_are_for(stream in stream(), places in places()) {
        let rewrite = Rewrite { strip_usage: true, model: Some(ALIAS.into()) };
        let (out, _) = run(&rewrite, &cut(&stream, &places));
        let mut expected = Vec::new();
        for (name, data) in events(&stream) {
            match object(&data) {
                Some(chunk) if is_usage_only(&chunk) => {}
                Some(mut chunk) => {
                    chunk.remove("usage");
                    if let Some(model @ Value::String(_)) = chunk.get_mut("model") {
                        *model = ALIAS.into();
                    }
                    expected.push((name, Ok(chunk)));
                }
                None => expected.push((name, Err(data))),
            }
        }
        let read: Vec<_> = events(&out).into_iter().map(|(name, data)| (name, object(&data).ok_or(data))).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn facts_are_what_a_parser_finds(stream in stream()) {
        let (_, relay) = run(&Rewrite::default(), &[&stream]);
        let data: Vec<Vec<u8>> = events(&stream).into_iter().map(|(_, data)| data).collect();
        let chunks: Vec<_> = data.iter().filter_map(|data| object(data)).collect();
        let choices: Vec<&Value> = chunks.iter().filter_map(|chunk| chunk.get("choices")?.as_array()).flatten().collect();
        let is_done = data.iter().any(|data| data.trim_ascii() == b"[DONE]");
        let said = |choice: &Value| {
            ["content", "reasoning"].iter().any(|name| choice["delta"][name].as_str().is_some_and(|text| !text.is_empty()))
        };
        let ended = |index: &Value| {
            choices.iter().any(|choice| choice["index"] == *index && choice["finish_reason"].is_string())
        };
        let facts = relay.facts();
        prop_assert_eq!(facts.has_content, choices.iter().any(|choice| said(choice) || choice["finish_reason"].is_string()));
        prop_assert_eq!(facts.is_done, is_done);
        prop_assert_eq!(facts.events, data.iter().filter(|data| data.trim_ascii() != b"[DONE]").count() as u64);
        prop_assert_eq!(
            relay.is_finished(),
            is_done || !choices.is_empty() && choices.iter().all(|choice| ended(&choice["index"]))
        );
        let mut models = chunks.iter().filter_map(|chunk| chunk.get("model")?.as_str());
        prop_assert_eq!(facts.model.as_str(), models.find(|model| !model.is_empty()).unwrap_or_default());
        let mut outputs = chunks.iter().filter_map(|chunk| chunk.get("usage")?["completion_tokens"].as_u64());
        prop_assert_eq!(facts.usage.map(|usage| usage.output), outputs.next_back());
    }
}
