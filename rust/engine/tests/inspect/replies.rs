//! What is read from a whole answer, honest or not.

use aigate_engine::inspect::{Flaw, MAX_RAW_USAGE_BYTES, Reply, SpanKind, UsageCounts};
use proptest::prelude::*;

use super::{
    spelling::{pens, texts, values},
    tree::Json,
};

const CHAT: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[
  {"index":0,"message":{"role":"assistant","content":"Hé\u00e9","reasoning":"so","reasoning_content":"then",
    "refusal":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
   "finish_reason":"stop"},
  {"index":1,"message":{"role":"assistant","content":[{"type":"text","text":"part"}],"refusal":"no"}}],
 "usage": {"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":9}}}"#;

fn read(raw: &str) -> Reply<&[u8]> {
    Reply::read(raw.as_bytes()).unwrap()
}

#[test]
fn reads_a_chat_completion() {
    let reply = read(CHAT);
    assert_eq!(reply.model(), Some("gpt-4o-2024-08-06"));
    let counts = UsageCounts { fresh: 10, cache_read: 9, output: 10, ..UsageCounts::default() };
    assert_eq!(reply.usage(), Some(counts));
    assert!(reply.raw_usage().starts_with(r#"{"prompt_tokens":19"#) && reply.raw_usage().ends_with("}}"));
    assert_eq!((reply.error(), reply.has_choices()), (None, true));
    let texts: Vec<_> = reply.texts().map(|text| (text.kind, text.text.into_owned())).collect();
    let expected = [
        (SpanKind::Content, "Héé"),
        (SpanKind::Reasoning, "so"),
        (SpanKind::Reasoning, "then"),
        (SpanKind::ToolName, "f"),
        (SpanKind::ToolArguments, r#"{"a":1}"#),
        (SpanKind::Content, "part"),
        (SpanKind::Refusal, "no"),
    ];
    assert_eq!(texts, expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn reads_completions_and_embeddings() {
    let reply = read(r#"{"model":"m","choices":[{"text":"one"},{"text":"two"}]}"#);
    assert_eq!(reply.texts().map(|text| text.text.into_owned()).collect::<Vec<_>>(), ["one", "two"]);
    let reply = read(r#"{"data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#);
    assert_eq!(reply.usage(), Some(UsageCounts { fresh: 8, ..UsageCounts::default() }));
    assert!(!reply.has_choices());
}

#[test]
fn renames_where_there_is_a_model() {
    assert_eq!(
        read(r#"{ "model" : "a\n" , "x":{"model":"b"}}"#).renamed("c\"").to_vec(),
        br#"{ "model" : "c\"" , "x":{"model":"b"}}"#
    );
    assert_eq!(read(r#"{"model":null}"#).renamed("c").to_vec(), br#"{"model":"c"}"#);
    assert!(read(r#"{"model":"\u0063"}"#).renamed("c").is_unchanged());
    assert!(read("{}").renamed("c").is_unchanged());
}

#[test]
fn an_error_inside_a_success_is_found() {
    for (error, expected) in [
        (r#""boom\n""#, Some("boom\n")),
        (r#"{"code":5,"message":"bad"}"#, Some("bad")),
        (r#"{"code":5}"#, Some(r#"{"code":5}"#)),
        (r#"{"message": {"a":1}}"#, Some(r#"{"message": {"a":1}}"#)),
        ("[1]", Some("[1]")),
        ("true", Some("true")),
        ("500", Some("500")),
        ("{ }", None),
        ("[]", None),
        ("null", None),
        ("false", None),
        ("0", None),
        (r#""""#, None),
    ] {
        assert_eq!(read(&format!(r#"{{"error":{error}}}"#)).error(), expected, "{error}");
    }
    let long = format!(r#"{{"error":"{}"}}"#, "é".repeat(5000));
    assert_eq!(read(&long).error().unwrap().chars().count(), 1024);
}

#[test]
fn what_cannot_be_true_is_not_there() {
    let reply = read(r#"{"model":7,"usage":{"prompt_tokens":-5},"choices":{"a":1},"error":0}"#);
    assert_eq!((reply.model(), reply.usage(), reply.error(), reply.has_choices()), (None, None, None, false));
    assert_eq!(reply.raw_usage(), r#"{"prompt_tokens":-5}"#);
    for usage in ["null", "7", "\"x\"", "[]"] {
        let raw = format!(r#"{{"usage":{usage}}}"#);
        assert_eq!((read(&raw).usage(), read(&raw).raw_usage()), (None, ""), "{usage}");
    }
    let long = format!(
        r#"{{"usage":{{"prompt_tokens":1,"total_tokens":1,"x":"{}"}}}}"#,
        "x".repeat(MAX_RAW_USAGE_BYTES)
    );
    assert_eq!((read(&long).usage().map(|counts| counts.fresh), read(&long).raw_usage()), (Some(1), ""));
    assert_eq!(read(&format!(r#"{{"model":"{}"}}"#, "m".repeat(513))).model(), None);
    assert!(!read(r#"{"choices":[]}"#).has_choices());
    assert!(read(r#"{"choices":[null,{"message":"x"},{"text":null}]}"#).has_choices());
}

#[test]
fn refuses_what_is_not_a_json_object() {
    for (raw, flaw) in [
        (&b""[..], Flaw::UnexpectedEnd),
        (b"<html>", Flaw::ExpectedValue),
        (b"[]", Flaw::NotAnObject),
        (b"{\"a\":1", Flaw::UnexpectedEnd),
        (b"{\"a\":\"\xff\"}", Flaw::NotUtf8),
        (b"{} {}", Flaw::TrailingBytes),
    ] {
        assert_eq!(Reply::read(raw).unwrap_err().flaw, flaw);
    }
    assert_eq!(Reply::read("[".repeat(1 << 20)).unwrap_err().flaw, Flaw::NotAnObject);
    assert_eq!(Reply::read("{\"choices\":".repeat(1 << 16)).unwrap_err().flaw, Flaw::TooDeep);
}

fn replies() -> impl Strategy<Value = Json> {
    const NAMES: [&str; 9] =
        ["model", "usage", "error", "choices", "message", "content", "text", "prompt_tokens", "total_tokens"];
    let name = prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
    let leaf = prop_oneof![texts().prop_map(Json::Text), (0..9_i64).prop_map(Json::Integer), values()];
    let tree = leaf.prop_recursive(5, 16, 4, {
        let name = name.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
                prop::collection::vec((name.clone(), inner), 0..5).prop_map(Json::Object),
            ]
        }
    });
    prop::collection::vec((name, tree), 0..6).prop_map(Json::Object)
}

proptest! {
    #[test]
    fn an_answer_of_any_shape_is_read(answer in replies(), mut pen in pens()) {
        let raw = pen.write(&answer);
        let reply = Reply::read(raw.as_slice()).unwrap();
        let Json::Object(members) = answer else { unreachable!() };
        let last = |name: &str| members.iter().rfind(|member| member.0 == name).map(|member| &member.1);
        let model = match last("model") {
            Some(Json::Text(model)) if model.len() <= 512 => Some(model.as_str()),
            _ => None,
        };
        prop_assert_eq!(reply.model(), model);
        let has_choices = members.iter().filter(|member| member.0 == "choices").fold(false, |before, member| {
            match &member.1 {
                Json::Array(choices) => !choices.is_empty(),
                _ => before,
            }
        });
        prop_assert_eq!(reply.has_choices(), has_choices);
        let _ = reply.texts().count();

        let renamed = reply.renamed("new").to_vec();
        let again = Reply::read(renamed.as_slice()).unwrap();
        prop_assert_eq!(again.model(), last("model").map(|_| "new"));
        prop_assert_eq!(again.usage(), reply.usage());
    }

    #[test]
    fn bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Reply::read(raw);
    }
}
