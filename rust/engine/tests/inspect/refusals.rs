//! What is refused, where the refusal points, and that it never repeats what it read.

use aigate_engine::inspect::{Body, Flaw, InspectError};

const MESSAGES: &str = r#""messages":[{"role":"user","content":"SECRET"}]"#;

fn refusal(raw: &[u8]) -> InspectError {
    match Body::read(raw) {
        Err(error) => error,
        Ok(_) => panic!("taken: {}", String::from_utf8_lossy(raw)),
    }
}

fn flaw(raw: &[u8]) -> (Flaw, usize) {
    match refusal(raw) {
        InspectError::Unreadable(error) => (error.flaw, error.offset),
        other @ InspectError::Member { .. } => panic!("{other}"),
    }
}

fn param(raw: &str) -> String {
    let error = refusal(raw.as_bytes());
    let path = error.param().unwrap_or_else(|| panic!("{error}")).to_owned();
    assert!(error.to_string().starts_with(&path), "{error}");
    path
}

/// A body that is right but for what `members` add or break.
fn with(members: &str) -> String {
    format!("{{{MESSAGES},{members}}}")
}

#[test]
fn malformed_json_is_told_by_its_offset() {
    for (raw, expected, offset) in [
        ("", Flaw::UnexpectedEnd, 0),
        ("  ", Flaw::UnexpectedEnd, 2),
        ("[]", Flaw::NotAnObject, 0),
        (" \"x\"", Flaw::NotAnObject, 1),
        ("nil", Flaw::NotAnObject, 0),
        ("{", Flaw::UnexpectedEnd, 1),
        ("{]", Flaw::ExpectedKey, 1),
        ("{,}", Flaw::ExpectedKey, 1),
        ("{'a':1}", Flaw::ExpectedKey, 1),
        (r#"{"a"}"#, Flaw::ExpectedColon, 4),
        (r#"{"a":}"#, Flaw::ExpectedValue, 5),
        (r#"{"a":1,}"#, Flaw::ExpectedKey, 7),
        (r#"{"a":1 "b":2}"#, Flaw::ExpectedCommaOrEnd, 7),
        (r#"{"a":1]"#, Flaw::ExpectedCommaOrEnd, 6),
        (r#"{"a":[1}"#, Flaw::ExpectedCommaOrEnd, 7),
        (r#"{"a":[1,]}"#, Flaw::ExpectedValue, 8),
        (r#"{"a":[,1]}"#, Flaw::ExpectedValue, 6),
        (r#"{"a":{"b":1]}"#, Flaw::ExpectedCommaOrEnd, 11),
        (r#"{"a":NaN}"#, Flaw::ExpectedValue, 5),
        (r#"{"a":Infinity}"#, Flaw::ExpectedValue, 5),
        (r#"{"a":nul}"#, Flaw::ExpectedValue, 5),
        (r#"{"a":True}"#, Flaw::ExpectedValue, 5),
        (r#"{"a":truest}"#, Flaw::ExpectedCommaOrEnd, 9),
        (r#"{"a":01}"#, Flaw::ExpectedCommaOrEnd, 6),
        (r#"{"a":-}"#, Flaw::InvalidNumber, 6),
        (r#"{"a":+1}"#, Flaw::ExpectedValue, 5),
        (r#"{"a":.5}"#, Flaw::ExpectedValue, 5),
        (r#"{"a":1.}"#, Flaw::InvalidNumber, 7),
        (r#"{"a":1e}"#, Flaw::InvalidNumber, 7),
        (r#"{"a":1e+}"#, Flaw::InvalidNumber, 8),
        (r#"{"a":0x10}"#, Flaw::ExpectedCommaOrEnd, 6),
        ("{\"a\":\"\n\"}", Flaw::ControlCharacter, 6),
        ("{\"a\":\"0123456789abcdef\x1f\"}", Flaw::ControlCharacter, 22),
        ("{\"\0\":1}", Flaw::ControlCharacter, 2),
        (r#"{"a":"\x"}"#, Flaw::InvalidEscape, 6),
        (r#"{"a":"\u12g4"}"#, Flaw::InvalidEscape, 6),
        (r#"{"a":"\u12"#, Flaw::InvalidEscape, 6),
        (r#"{"a":"\ud800\u12"}"#, Flaw::InvalidEscape, 12),
        (r#"{"a":"b"#, Flaw::UnexpectedEnd, 7),
        (r#"{"a":1}}"#, Flaw::TrailingBytes, 7),
        ("{} x", Flaw::TrailingBytes, 3),
        ("{}\0", Flaw::TrailingBytes, 2),
        ("{\"a\":1\u{b}}", Flaw::ExpectedCommaOrEnd, 6),
        ("{\"a\":\u{a0}1}", Flaw::ExpectedValue, 5),
        ("{/**/}", Flaw::ExpectedKey, 1),
        ("\u{feff}{}", Flaw::ByteOrderMark, 0),
    ] {
        assert_eq!(flaw(raw.as_bytes()), (expected, offset), "{raw:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_told_by_their_offset() {
    let mut raw = with(r#""x":"caf?""#).into_bytes();
    let at = raw.iter().position(|byte| *byte == b'?').unwrap();
    for bad in [0x80, 0xFF, 0xC0, 0xED] {
        raw[at] = bad;
        assert_eq!(flaw(&raw), (Flaw::NotUtf8, at));
    }
    assert_eq!(
        flaw(&"{}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()).0,
        Flaw::ExpectedKey
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| with(&format!(r#""x":{}{}"#, "[".repeat(levels), "]".repeat(levels)));
    assert!(Body::read(nested(63).as_bytes()).is_ok());
    assert_eq!(flaw(nested(64).as_bytes()), (Flaw::TooDeep, MESSAGES.len() + 6 + 63));
    let objects =
        |levels: usize| with(&format!(r#""x":{}0{}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels)));
    assert!(Body::read(objects(63).as_bytes()).is_ok());
    assert_eq!(flaw(objects(64).as_bytes()).0, Flaw::TooDeep);
    for opened in ["[", "{\"messages\":[", "{\"a\":", "{\"messages\":[{\"content\":["] {
        let bomb = opened.repeat((1 << 20) / opened.len());
        assert!(Body::read(bomb.as_bytes()).is_err());
    }
}

#[test]
fn the_number_of_values_is_bounded() {
    let zeros = |count: usize| with(&format!(r#""x":[{}0]"#, "0,".repeat(count - 1)));
    let own = 6; // body, messages, message, role, content, x
    assert!(Body::read(zeros(100_000 - own).as_bytes()).is_ok());
    assert_eq!(flaw(zeros(100_001 - own).as_bytes()).0, Flaw::TooManyValues);
    let spaced = |count: usize| with(&format!(r#""x":[{}0]"#, "0,          ".repeat(count - 1)));
    assert!(Body::read(spaced(200_000).as_bytes()).is_ok());
    assert_eq!(flaw(zeros(1 << 20).as_bytes()).0, Flaw::TooManyValues);
}

#[test]
fn critical_members_are_given_once() {
    let twice =
        |name: &str, value: &str| param(&with(&format!(r#""{name}":{value},"x":0,"{name}":{value}"#)));
    for (name, value) in [
        ("model", r#""a""#),
        ("stream", "true"),
        ("stream", "null"),
        ("max_tokens", "1"),
        ("max_completion_tokens", "1"),
        ("n", "1"),
        ("tools", "[]"),
        ("stream_options", "{}"),
    ] {
        assert_eq!(twice(name, value), name);
    }
    assert_eq!(param(&with(MESSAGES)), "messages");
    assert_eq!(param(&with(r#""model":"a","mod\u0065l":"a""#)), "model");
    let options = r#""stream_options":{"include_usage":true,"include_\u0075sage":false}"#;
    assert_eq!(param(&with(options)), "stream_options.include_usage");
    assert!(Body::read(with(r#""x":{"model":1,"model":2},"y":0,"y":0"#).as_bytes()).is_ok());
}

#[test]
fn wrong_types_are_told_by_their_path() {
    for (members, path) in [
        (r#""model":null"#, "model"),
        (r#""model":"""#, "model"),
        (r#""model":["a"]"#, "model"),
        (r#""stream":"true""#, "stream"),
        (r#""stream":1"#, "stream"),
        (r#""stream_options":[]"#, "stream_options"),
        (r#""stream_options":{"include_usage":"yes"}"#, "stream_options.include_usage"),
        (r#""max_tokens":0"#, "max_tokens"),
        (r#""max_tokens":-1"#, "max_tokens"),
        (r#""max_tokens":10.0"#, "max_tokens"),
        (r#""max_tokens":1e2"#, "max_tokens"),
        (r#""max_tokens":"10""#, "max_tokens"),
        (r#""max_tokens":1099511627777"#, "max_tokens"),
        (r#""max_tokens":99999999999999999999999999"#, "max_tokens"),
        (r#""max_completion_tokens":true"#, "max_completion_tokens"),
        (r#""n":0"#, "n"),
        (r#""n":129"#, "n"),
        (r#""n":1.0"#, "n"),
        (r#""tools":{}"#, "tools"),
        (r#""tools":[{},5]"#, "tools[1]"),
        (r#""functions":{}"#, "functions"),
        (r#""user":5"#, "user"),
        (r#""metadata":[]"#, "metadata"),
        (r#""metadata":{"a":1}"#, "metadata"),
    ] {
        assert_eq!(param(&with(members)), path, "{members}");
    }
    for (raw, path) in [
        ("{}", "messages"),
        (r#"{"messages":null}"#, "messages"),
        (r#"{"messages":[]}"#, "messages"),
        (r#"{"messages":{}}"#, "messages"),
        (r#"{"messages":"hi"}"#, "messages"),
        (r#"{"messages":[{"role":"user"},"hi"]}"#, "messages[1]"),
        (r#"{"messages":[{"content":"hi"}]}"#, "messages[0].role"),
        (r#"{"messages":[{"role":null}]}"#, "messages[0].role"),
        (r#"{"messages":[{"role":"user","content":5}]}"#, "messages[0].content"),
        (r#"{"messages":[{"role":"user","content":{"a":1}}]}"#, "messages[0].content"),
    ] {
        assert_eq!(param(raw), path, "{raw}");
    }
}

#[test]
fn lengths_are_bounded() {
    let sized = |name: &str, length: usize| with(&format!(r#""{name}":"{}""#, "m".repeat(length)));
    for name in ["model", "user"] {
        assert!(Body::read(sized(name, 512).as_bytes()).is_ok());
        assert_eq!(param(&sized(name, 513)), name);
    }
    let pairs = |count: usize| {
        let pairs: Vec<_> = (0..count).map(|index| format!(r#""{index}":"""#)).collect();
        with(&format!(r#""metadata":{{{}}}"#, pairs.join(",")))
    };
    assert!(Body::read(pairs(16).as_bytes()).is_ok());
    assert_eq!(param(&pairs(17)), "metadata");
    let pair = |name: usize, value: usize| {
        with(&format!(r#""metadata":{{"{}":"{}"}}"#, "k".repeat(name), "v".repeat(value)))
    };
    assert!(Body::read(pair(256, 2048).as_bytes()).is_ok());
    assert_eq!(param(&pair(257, 1)), "metadata");
    assert_eq!(param(&pair(1, 2049)), "metadata");
}

#[test]
fn no_refusal_repeats_what_it_read() {
    let secret = "s3cr3t";
    for raw in [
        with(&format!(r#""model":["{secret}"]"#)),
        with(&format!(r#""{secret}":{secret}"#)),
        with(&format!(r#""metadata":{{"{secret}":5}}"#)),
        with(&format!(r#""user":{{"{secret}":"{secret}"}}"#)),
        format!(r#"{{"messages":[{{"role":["{secret}"]}}]}}"#),
        format!("{{{secret}}}"),
    ] {
        let error = refusal(raw.as_bytes());
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}
