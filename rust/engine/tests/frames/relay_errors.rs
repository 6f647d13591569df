//! Errors inside a stream: found in every shape, not handed on.

use aigate_engine::frames::Rewrite;
use serde_json::json;

use crate::{content, facts, frame, out, run};

/// Message, type and code of the error in a frame, which must not be handed on, nor anything after it.
fn error(frame: &str) -> (String, String, String) {
    let stream = format!("{}{frame}{}data: [DONE]\n\n", content("a"), content("b"));
    let (out, relay) = run(&Rewrite::default(), &[stream.as_bytes()]);
    assert_eq!(String::from_utf8(out).unwrap(), content("a"), "{frame}");
    assert_eq!((relay.facts().events, relay.is_finished()), (1, false));
    let error = relay.facts().error.clone().unwrap();
    (error.message, error.kind, error.code)
}

fn told(message: &str, kind: &str, code: &str) -> (String, String, String) {
    (message.into(), kind.into(), code.into())
}

#[test]
fn of_every_provider() {
    let openai = r#"{"error":{"message":"broke","type":"server_error","param":null,"code":null}}"#;
    assert_eq!(error(&frame(openai)), told("broke", "server_error", ""));
    let vllm = r#"{"error":{"message":"broke","type":"T","code":500}}"#;
    assert_eq!(error(&frame(vllm)), told("broke", "T", "500"));
    let tgi = r#"{"error":"broke","error_type":"overloaded"}"#;
    assert_eq!(error(&frame(tgi)), told("broke", "overloaded", ""));
    let responses = "event: error\ndata: {\"type\":\"error\",\"code\":\"c\",\"message\":\"boom\"}\n\n";
    assert_eq!(error(responses), told("boom", "error", "c"));
    let mistral = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;
    assert_eq!(error(&frame(mistral)), told("finish_reason error", "error", ""));
}

#[test]
fn of_unknown_shape() {
    assert_eq!(error("event: error\ndata: boom\n\n").0, "boom");
    assert_eq!(error("event: error\n\n").0, "the provider gave no message");
    assert_eq!(error(&frame(r#"{"error":true}"#)).0, r#"{"error":true}"#);
    assert_eq!(error(&frame(r#"{"error":{"message":"\ud800"}}"#)).0, r#"{"error":{"message":"\ud800"}}"#);
}

#[test]
fn that_are_falsy_are_none() {
    for payload in ["null", "false", "0", "0.0", r#""""#, "{}", "[]"] {
        let stream = frame(&format!(r#"{{"error":{payload}}}"#));
        assert_eq!(out(&Rewrite::default(), &stream), stream);
        assert_eq!(facts(&stream).error, None);
    }
}

#[test]
fn are_kept_within_bounds() {
    let long = "é".repeat(10_000);
    let payload = json!({"error": {"message": long, "code": long, "type": long}}).to_string();
    let error = facts(&frame(&payload)).error.unwrap();
    assert_eq!((error.message.len(), error.code.len(), error.kind.len()), (2048, 128, 128));
    assert!(payload.starts_with(&error.raw) && (4093..=4096).contains(&error.raw.len()));
}

#[test]
fn at_the_unclosed_end_are_not_handed_on() {
    let stream = content("a") + r#"data: {"error":{"message":"cut"}}"#;
    assert_eq!(out(&Rewrite::default(), &stream), content("a"));
    assert_eq!(facts(&stream).error.unwrap().message, "cut");
}

#[test]
fn may_come_with_usage() {
    let payload = r#"{"error":"broke","usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    assert_eq!(facts(&frame(payload)).usage.unwrap().output, 2);
}
