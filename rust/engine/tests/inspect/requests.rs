//! What is read from a request: by example, and as the oracle has it on any body, whole or broken.

use aigate_engine::inspect::{Body, SpanKind};
use proptest::prelude::*;

use super::{
    oracle::{expected, judge},
    spelling::{Pen, pens, texts, values},
    tree::Json,
};

const WHOLE: &str = r#"{
  "model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true}, "n": 2,
  "max_tokens": 7, "max_completion_tokens": 9, "user": "u\u00e9", "metadata": {"team": "core", "k\n": ""},
  "temperature": 0.5,
  "messages": [
    {"role": "system", "content": "Be \"brief\"."},
    {"role": "user", "name": "ann", "content": [
      {"type": "text", "text": "What is this?"},
      {"type": "image_url", "image_url": {"url": "data:..."}},
      {"image": "...", "type": "input_image"}, {"type": "image"},
      {"type": "refusal", "refusal": "no"}, {"type": "thinking", "thinking": "hm"}, "bare", null]},
    {"role": "assistant", "content": null, "reasoning_content": "so", "refusal": null, "tool_calls": [
      {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
      {"id": "2", "type": "custom", "custom": {"name": "g", "input": "go"}},
      {"id": "3", "function": {"name": "h", "arguments": {"a": 1}}}]},
    {"role": "assistant", "function_call": {"name": "old", "arguments": "{}"}},
    {"role": "tool", "tool_call_id": "1", "content": "42"}],
  "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}},
            {"type": "custom", "custom": {"name": "g"}}, {"type": "web_search"}],
  "functions": [{"name": "old"}],
  "response_format": {"type": "json_schema", "json_schema": {"name": "s"}},
  "prediction": {"type": "content", "content": [{"type": "text", "text": "guess"}]}
}"#;

#[test]
fn reads_what_the_gateway_acts_on() {
    let body = Body::read(WHOLE.as_bytes()).unwrap();
    assert_eq!(body.model().as_deref(), Some("gpt-4o"));
    assert!(body.stream() && body.include_usage());
    assert_eq!((body.n(), body.output_cap()), (2, Some(9)));
    assert_eq!(body.user().as_deref(), Some("u\u{e9}"));
    let metadata: Vec<_> = body.metadata().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(metadata, ["team=core", "k\n="]);
    assert_eq!((body.message_count(), body.tool_count(), body.image_count()), (5, 3, 3));
}

#[test]
fn finds_every_text_a_model_would_read() {
    use SpanKind::{
        Content, Name, Prediction, Reasoning, Refusal, ResponseFormat, Role, ToolArguments, ToolDefinition,
        ToolName,
    };
    let body = Body::read(WHOLE.as_bytes()).unwrap();
    let texts: Vec<_> = body.texts().map(|text| (text.kind, text.text.into_owned())).collect();
    let expected = [
        (Role, "system"),
        (Content, "Be \"brief\"."),
        (Role, "user"),
        (Name, "ann"),
        (Content, "What is this?"),
        (Refusal, "no"),
        (Reasoning, "hm"),
        (Content, "bare"),
        (Role, "assistant"),
        (Reasoning, "so"),
        (ToolName, "f"),
        (ToolArguments, r#"{"a":1}"#),
        (ToolName, "g"),
        (ToolArguments, "go"),
        (ToolName, "h"),
        (ToolArguments, r#"{"a": 1}"#),
        (Role, "assistant"),
        (ToolName, "old"),
        (ToolArguments, "{}"),
        (Role, "tool"),
        (Content, "42"),
        (ToolDefinition, r#"{"name": "f", "parameters": {}}"#),
        (ToolDefinition, r#"{"name": "g"}"#),
        (ToolDefinition, r#"{"type": "web_search"}"#),
        (ToolDefinition, r#"{"name": "old"}"#),
        (ResponseFormat, r#"{"name": "s"}"#),
        (Prediction, "guess"),
    ];
    assert_eq!(texts, expected.map(|(kind, text)| (kind, text.to_owned())));
    assert_eq!(body.text_bytes(), texts.iter().map(|(_, text)| text.len() as u64).sum::<u64>());
}

#[test]
fn null_is_absence() {
    let body = Body::read(
        br#"{"messages":[{"role":"user","content":null}],"stream":null,"stream_options":null,"n":null,"user":null,
            "max_tokens":3,"max_completion_tokens":null,"tools":null,"functions":null,"metadata":null}"#,
    )
    .unwrap();
    assert_eq!((body.model(), body.stream(), body.include_usage()), (None, false, false));
    assert_eq!((body.n(), body.output_cap(), body.user()), (1, Some(3), None));
}

#[test]
fn a_name_is_what_it_stands_for() {
    let body =
        Body::read(br#"{"m\u006fdel":"\u0061","\u006dessages":[{"\u0072ole":"user"}]}"#.as_slice()).unwrap();
    assert_eq!(body.model().as_deref(), Some("a"));
}

#[test]
fn lone_surrogates_are_kept_and_read_as_replacement() {
    let raw = br#"{"messages":[{"role":"user","content":"a\ud800\udc00b\udc00\ud83d\ude00\ud800"}]}"#;
    let body = Body::read(raw.as_slice()).unwrap();
    let content = body.texts().nth(1).unwrap().text.into_owned();
    assert_eq!(content, "a\u{10000}b\u{fffd}\u{1f600}\u{fffd}");
    assert_eq!(body.text_bytes(), 4 + content.len() as u64);
    assert_eq!(body.bytes(), raw);
}

#[test]
fn of_the_uncritical_the_last_one_counts() {
    let body = Body::read(
        br#"{"messages":[{"role":"user"}],"user":"a","metadata":{"x":"1"},"user":"b","metadata":{"y":"2"}}"#
            .as_slice(),
    )
    .unwrap();
    assert_eq!(body.user().as_deref(), Some("b"));
    assert_eq!(body.metadata().map(|pair| pair.0.into_owned()).collect::<Vec<_>>(), ["y"]);
}

#[test]
fn strings_are_read_at_every_length() {
    for length in 0..300 {
        for middle in ["", "\\n", "\\\"", "\u{e9}", "\\u00e9"] {
            let text = format!("{}{middle}{}", "x".repeat(length), "y".repeat(length / 2));
            let raw = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
            let body = Body::read(raw.as_bytes()).unwrap();
            let content: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(body.texts().nth(1).unwrap().text, content);
            assert_eq!(body.text_bytes(), 4 + content.len() as u64);
        }
    }
}

/// A member of a request with a value that is often right.
fn member() -> impl Strategy<Value = (String, Json)> {
    let integer = prop_oneof![1..200_i64, -2..2_i64, Just(1 << 40), Just((1 << 40) + 1), Just(i64::MAX)];
    let number = prop_oneof![4 => integer.prop_map(Json::Integer), 1 => Just(Json::Fraction(1.5)), 1 => Just(Json::Null)];
    let flag = prop_oneof![4 => any::<bool>().prop_map(Json::Bool), 1 => Just(Json::Null), 1 => values()];
    let options =
        prop::collection::vec((one_of(&["include_usage", "x"]), flag.clone()), 0..3).prop_map(Json::Object);
    let text = prop_oneof![8 => texts().prop_map(Json::Text), 1 => values()];
    let long = (200..300_usize).prop_map(|length| Json::Text("é".repeat(length)));
    let pairs = prop::collection::vec((names(), text.clone()), 0..18).prop_map(Json::Object);
    let tools =
        prop::collection::vec(prop_oneof![4 => any_object(), 1 => values()], 0..4).prop_map(Json::Array);
    prop_oneof![
        (one_of(&["model", "user"]), prop_oneof![text, long]),
        (Just("stream".to_owned()), flag),
        (Just("stream_options".to_owned()), prop_oneof![4 => options, 1 => values()]),
        (one_of(&["max_tokens", "max_completion_tokens", "n"]), number),
        (Just("metadata".to_owned()), pairs),
        (Just("tools".to_owned()), prop_oneof![tools, Just(Json::Null)]),
        (one_of(&["other", "temperature"]), values()),
    ]
}

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(names).prop_map(str::to_owned)
}

fn names() -> impl Strategy<Value = String> {
    one_of(&["", "a", "text", "type", "function", "name", "long name"])
}

fn any_object() -> impl Strategy<Value = Json> {
    prop::collection::vec((names(), values()), 0..4).prop_map(Json::Object)
}

fn message() -> impl Strategy<Value = Json> {
    let text = || texts().prop_map(Json::Text);
    let part = prop_oneof![
        text().prop_map(|text| vec![("type".into(), Json::Text("text".into())), ("text".into(), text)]),
        values()
            .prop_map(|url| vec![("image_url".into(), url), ("type".into(), Json::Text("image_url".into()))]),
    ];
    let parts = prop::collection::vec(part.prop_map(Json::Object), 0..4).prop_map(Json::Array);
    let content = prop_oneof![8 => text(), 4 => parts, 2 => Just(Json::Null), 1 => any_object()];
    let role = prop_oneof![30 => text(), 1 => values()];
    (role, prop::option::of(content), prop::option::of(values())).prop_map(|(role, content, other)| {
        let role = std::iter::once(("role".to_owned(), role));
        let content = content.map(|content| ("content".to_owned(), content));
        let other = other.map(|other| ("other".to_owned(), other));
        Json::Object(role.chain(content).chain(other).collect())
    })
}

/// Bodies near the line between what is taken and what is not.
pub fn bodies() -> impl Strategy<Value = Json> {
    let messages = prop::collection::vec(message(), 0..4)
        .prop_map(|all| vec![("messages".to_owned(), Json::Array(all))]);
    let messages = prop_oneof![20 => messages, 1 => values().prop_map(|any| vec![("messages".to_owned(), any)]), 1 => Just(vec![])];
    let others = prop::collection::vec(member(), 0..6);
    (others, messages, any::<prop::sample::Index>()).prop_map(|(mut members, messages, at)| {
        let at = at.index(members.len() + 1);
        members.splice(at..at, messages);
        Json::Object(members)
    })
}

/// Bodies that are taken.
pub fn good_bodies() -> impl Strategy<Value = Json> {
    bodies().prop_filter("must be taken", |body| expected(body).is_ok())
}

proptest! {
    #[test]
    fn a_body_is_judged_as_a_tree_parser_would(body in bodies(), mut pen in pens()) {
        judge(&pen.write(&body));
    }

    #[test]
    fn any_value_is_judged_as_a_tree_parser_would(value in values(), mut pen in pens()) {
        judge(&pen.write(&value));
    }

    #[test]
    fn a_broken_body_is_judged_as_a_tree_parser_would(
        body in good_bodies(),
        mut pen in pens(),
        breaks in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<u8>(), any::<bool>()), 1..4),
    ) {
        let mut raw = pen.write(&body);
        for (at, way, byte, is_grammar) in breaks {
            let byte = if is_grammar { b"{}[]\",:\\u0-.eE tn\x1f\x80"[usize::from(byte) % 19] } else { byte };
            let at = at.index(raw.len());
            match way {
                0 => raw[at] = byte,
                1 => raw.insert(at, byte),
                _ => drop(raw.remove(at)),
            }
        }
        judge(&raw);
    }

    #[test]
    fn a_body_cut_short_is_refused(body in good_bodies(), mut pen in pens(), at in any::<prop::sample::Index>()) {
        let mut raw = pen.write(&body);
        let end = raw.iter().rposition(|byte| *byte == b'}').unwrap();
        raw.truncate(at.index(end + 1));
        prop_assert!(Body::read(&raw).is_err());
    }

    #[test]
    fn bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(&raw);
    }
}

/// Kept so that the generators above cannot quietly stop reaching what they are for.
#[test]
fn the_generators_reach_both_sides() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let strategy = (bodies(), pens());
    let taken = |(body, mut pen): (Json, Pen)| Body::read(pen.write(&body)).is_ok();
    let good = (0..400).filter(|_| taken(strategy.new_tree(&mut runner).unwrap().current())).count();
    assert!((40..360).contains(&good), "{good} of 400 bodies were taken");
}
