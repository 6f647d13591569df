//! The relay's own count of an answer's tokens.

use aigate_engine::{frames::Rewrite, tokens::encoding};
use serde_json::json;

use crate::{ENCODING, content, delta, frame, run};

fn count(stream: &str) -> u64 {
    run(&Rewrite::default(), &[stream.as_bytes()]).1.output_tokens(encoding(ENCODING).unwrap())
}

fn expected(text: &str) -> u64 {
    encoding(ENCODING).unwrap().count(text) as u64
}

#[test]
fn of_text_as_if_it_had_come_at_once() {
    let text = "Hello wörld 👋,\n\tunbelievable things";
    let pieces: String = text.chars().map(|piece| content(&piece.to_string())).collect();
    assert_eq!(count(&pieces), expected(text));
    assert_eq!(count(&format!("{pieces}data: [DONE]\n\n")), expected(text));
}

#[test]
fn of_every_choice_apart() {
    let chunk = |index: u64, text: &str| {
        frame(&json!({"choices": [{"delta": {"content": text}, "index": index}]}).to_string())
    };
    let stream =
        chunk(0, "un") + &chunk(1, "token") + &chunk(0, "believ") + &chunk(1, "izer") + &chunk(0, "able");
    assert_eq!(count(&stream), expected("unbelievable") + expected("tokenizer"));
}

#[test]
fn of_tool_calls() {
    let stream = delta(r#"{"tool_calls":[{"index":0,"function":{"name":"get_weather","arguments":""}}]}"#)
        + &delta(r#"{"tool_calls":[{"index":0,"function":{"name":null,"arguments":"{\"city\":"}}]}"#)
        + &delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"Paris\"}"}}]}"#);
    assert_eq!(count(&stream), expected(r#"get_weather{"city":"Paris"}"#));
}

#[test]
fn of_long_prose_exactly() {
    for sentence in [
        "The quick (brown) fox's 12 dogs; jumped!\n\n  Twice. ",
        "他们在那里，看见了一只狗。",
        "fn main() {\n    x += 1;\n}\n",
    ] {
        let text = sentence.repeat(40_000 / sentence.len());
        let characters: Vec<char> = text.chars().collect();
        let stream: String = characters.chunks(7).map(|piece| content(&String::from_iter(piece))).collect();
        assert_eq!(count(&stream), expected(&text), "{sentence}");
    }
}

#[test]
fn of_text_without_words_nearly() {
    let text = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0OTk".repeat(1000);
    let exact = expected(&text);
    let counted = count(
        &text.as_bytes().chunks(64).map(|piece| content(str::from_utf8(piece).unwrap())).collect::<String>(),
    );
    assert!((exact..=exact + 2 * (text.len() as u64 / 4096)).contains(&counted), "{counted} for {exact}");
}

#[test]
fn of_more_choices_than_are_kept_apart() {
    let stream: String = (0..1000_u64)
        .map(|index| frame(&json!({"choices": [{"delta": {"content": "a b"}, "index": index}]}).to_string()))
        .collect();
    assert!(count(&stream) >= 1000);
}
