//! The chat formula against the figures the `OpenAI` cookbook prints.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use aigate_engine::{
    inspect::{Body, SpanKind, Text},
    tokens::{count_chat, count_prompt, encoding},
};
use proptest::prelude::*;

const JARGON: &str = r#"{"model": "gpt-4o", "messages": [
    {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
    {"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
    {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
    {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."}
]}"#;

const WEATHER: &str = r#"{"model": "gpt-4o", "tools": [{"type": "function", "function": {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {"type": "object", "properties": {
        "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
        "unit": {"type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"]}
    }, "required": ["location"]}}}],
    "messages": [
        {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
        {"role": "user", "content": "What's the weather like in San Francisco?"}
]}"#;

fn tokens(body: &str, name: &str) -> u64 {
    count_chat(&Body::read(body.as_bytes()).unwrap(), encoding(name).unwrap())
}

fn prompt(texts: &[(SpanKind, &str)], messages: usize, images: usize) -> u64 {
    let texts = texts.iter().map(|(kind, text)| Text { kind: *kind, text: Cow::Borrowed(*text) });
    count_prompt(texts, messages, images, encoding("o200k_base").unwrap())
}

/// What a definition adds to a prompt with a tool.
fn definition(json: &str) -> u64 {
    prompt(&[(SpanKind::ToolDefinition, json)], 0, 0) - prompt(&[], 0, 0) - 12
}

fn plain(text: &str) -> u64 {
    encoding("o200k_base").unwrap().count(text) as u64
}

#[test]
fn the_cookbooks_messages() {
    assert_eq!(tokens(JARGON, "o200k_base"), 124);
    assert_eq!(tokens(JARGON, "cl100k_base"), 129);
}

#[test]
fn the_cookbooks_tools() {
    assert_eq!(tokens(WEATHER, "o200k_base"), 101);
    assert_eq!(tokens(WEATHER, "cl100k_base"), 105);
}

#[test]
fn an_empty_chat_is_the_start_of_the_reply() {
    assert_eq!(prompt(&[], 0, 0), 3);
    assert_eq!(prompt(&[], 1, 0), 6);
    assert_eq!(prompt(&[], 1, 2), 6 + 2 * 85);
}

#[test]
fn calls_names_and_other_texts() {
    let text = "a text of eight tokens, or nine";
    assert_eq!(prompt(&[(SpanKind::ToolName, "look")], 0, 0), 3 + 3 + 1);
    assert_eq!(prompt(&[(SpanKind::Name, "bob")], 0, 0), 3 + 1 + plain("bob"));
    for kind in [
        SpanKind::Content,
        SpanKind::Reasoning,
        SpanKind::Refusal,
        SpanKind::ToolArguments,
        SpanKind::ResponseFormat,
        SpanKind::Prediction,
    ] {
        assert_eq!(prompt(&[(kind, text)], 0, 0), 3 + plain(text));
    }
}

#[test]
fn the_end_of_the_tools_is_counted_once() {
    let json = r#"{"name":"f","description":"g"}"#;
    let one = prompt(&[(SpanKind::ToolDefinition, json)], 0, 0);
    let two = prompt(&[(SpanKind::ToolDefinition, json), (SpanKind::ToolDefinition, json)], 0, 0);
    assert_eq!(one, 3 + 7 + plain("f:g") + 12);
    assert_eq!(two - one, 7 + plain("f:g"));
}

#[test]
fn a_full_stop_is_left_out() {
    assert_eq!(definition(r#"{"name":"f","description":"Do it."}"#), 7 + plain("f:Do it"));
}

#[test]
fn what_the_formula_does_not_know_is_counted_as_it_is_written() {
    for json in [
        "[]",
        "not JSON",
        r#"{"description":"no name"}"#,
        r#"{"name":"f","novel":"text the formula would miss"}"#,
        r#"{"name":"f","name":"text the formula would miss"}"#,
        r#"{"name":"f","parameters":{"$defs":{"a":{"description":"text"}}}}"#,
        r#"{"name":"f","parameters":{"type":"text"}}"#,
        r#"{"name":"f","parameters":{"required":["text"]}}"#,
        r#"{"name":"f","parameters":{"properties":{"a":{}},"required":["a","a"]}}"#,
        r#"{"name":"f","parameters":{"properties":{"a":{"items":{"type":"string"}}}}}"#,
        r#"{"name":"f","parameters":{"properties":{"a":{"type":["string","null"]}}}}"#,
        r#"{"name":"f","parameters":{"properties":{"a":{"enum":[1,2]}}}}"#,
    ] {
        assert_eq!(definition(json), 7 + plain(json), "{json}");
    }
}

#[test]
fn a_repeated_parameter_is_counted_twice() {
    let once = definition(r#"{"name":"f","parameters":{"properties":{"a":{"type":"string"}}}}"#);
    let twice = definition(
        r#"{"name":"f","parameters":{"properties":{"a":{"type":"string"},"a":{"type":"string"}}}}"#,
    );
    assert_eq!(twice - once, 3 + plain("a:string:"));
}

proptest! {
    #[test]
    fn no_text_of_a_definition_is_free(
        name in "[a-z]{1,9}",
        words in "[a-z ]{40,80}",
        place in 0..6_usize,
    ) {
        let at = |own: usize| if own == place { words.as_str() } else { "x" };
        let json = format!(
            r#"{{"name":"{name}","description":"{}","parameters":{{"type":"object","properties":{{
                "{}":{{"type":"{}","description":"{}","enum":["{}"]}}}},"required":["{}"]}}}}"#,
            at(0), at(1), at(2), at(3), at(4), at(5),
        );
        prop_assert!(definition(&json) >= plain(&words));
    }
}
