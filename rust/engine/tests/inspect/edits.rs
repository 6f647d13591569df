//! What an edit changes, and that it changes nothing else.

use std::num::NonZero;

use aigate_engine::inspect::{Body, Edits};
use proptest::prelude::*;

use super::{
    oracle::found,
    requests::good_bodies,
    spelling::{pens, texts},
    tree::Json,
};

const MESSAGES: &str = r#""messages":[{"role":"user"}]"#;

fn edited(raw: &[u8], edits: Edits<'_>) -> Vec<u8> {
    Body::read(raw).unwrap().edited(edits).to_vec()
}

fn check(members: &str, edits: Edits<'_>, expected: &str) {
    let raw = format!("{{ {members}{MESSAGES} }}");
    let expected = expected.replace('@', MESSAGES);
    assert_eq!(String::from_utf8(edited(raw.as_bytes(), edits)).unwrap(), expected, "{members}");
}

#[test]
fn the_model_is_replaced_where_it_stands() {
    let edits = Edits { model: Some("n\"ew\u{e9}"), ..Edits::default() };
    check(r#""model" : "old" , "#, edits, r#"{ "model" : "n\"ewé" , @ }"#);
    check(r#""mod\u0065l":"\u006fld","#, edits, r#"{ "mod\u0065l":"n\"ewé",@ }"#);
    check("", edits, r#"{"model":"n\"ewé", @ }"#);
    check(r#""model":"n\"ew\u00e9","#, edits, r#"{ "model":"n\"ew\u00e9",@ }"#);
}

#[test]
fn usage_is_asked_for_in_every_state_of_the_options() {
    let edits = Edits { include_usage: true, ..Edits::default() };
    check("", edits, r#"{"stream_options":{"include_usage":true}, @ }"#);
    check(r#""stream_options": null, "#, edits, r#"{ "stream_options": {"include_usage":true}, @ }"#);
    check(r#""stream_options":{},"#, edits, r#"{ "stream_options":{"include_usage":true},@ }"#);
    check(r#""stream_options":{ },"#, edits, r#"{ "stream_options":{"include_usage":true },@ }"#);
    check(r#""stream_options":{ "x":1},"#, edits, r#"{ "stream_options":{"include_usage":true, "x":1},@ }"#);
    let present = |value: &str| format!(r#""stream_options":{{"x":1, "include_usage": {value} }},"#);
    let asked = format!("{{ {}@ }}", present("true"));
    for value in ["true", "false", "null"] {
        check(&present(value), edits, &asked);
    }
    check(&present("false"), Edits::default(), &format!("{{ {}@ }}", present("false")));
}

#[test]
fn every_cap_that_is_there_is_replaced() {
    let edits = Edits { output_cap: NonZero::new(64), ..Edits::default() };
    check("", edits, r#"{"max_completion_tokens":64, @ }"#);
    check(r#""max_tokens": 100 ,"#, edits, r#"{ "max_tokens": 64 ,@ }"#);
    check(r#""max_tokens":null,"#, edits, r#"{ "max_tokens":64,@ }"#);
    check(r#""max_tokens":64,"#, edits, r#"{ "max_tokens":64,@ }"#);
    for (before, after) in [
        (r#""max_tokens":9,"max_completion_tokens":8,"#, r#""max_tokens":64,"max_completion_tokens":64,"#),
        (r#""max_tokens":64,"max_completion_tokens":8,"#, r#""max_tokens":64,"max_completion_tokens":64,"#),
        (r#""max_tokens":9,"max_completion_tokens":64,"#, r#""max_tokens":64,"max_completion_tokens":64,"#),
        (
            r#""max_tokens":9,"max_completion_tokens":null,"#,
            r#""max_tokens":64,"max_completion_tokens":null,"#,
        ),
        (
            r#""max_tokens":null,"max_completion_tokens":9,"#,
            r#""max_tokens":null,"max_completion_tokens":64,"#,
        ),
        (
            r#""max_tokens":null,"max_completion_tokens":null,"#,
            r#""max_tokens":null,"max_completion_tokens":64,"#,
        ),
    ] {
        check(before, edits, &format!("{{ {after}@ }}"));
    }
}

#[test]
fn nothing_asked_is_nothing_changed() {
    let raw = format!(r#"{{"model":"m",{MESSAGES},"max_tokens":5}}"#);
    let body = Body::read(raw.as_bytes()).unwrap();
    assert!(body.edited(Edits::default()).is_unchanged());
    let same = Edits { model: Some("m"), output_cap: NonZero::new(5), include_usage: false };
    assert!(body.edited(same).is_unchanged());
    assert!(!body.edited(Edits { include_usage: true, ..same }).is_unchanged());
}

fn common(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// Members sorted by name, those of one name in their order.
fn sorted(raw: &[u8]) -> Vec<(String, Json)> {
    let Ok(Json::Object(mut members)) = serde_json::from_slice(raw) else { panic!("not an object") };
    members.sort_by(|a, b| a.0.cmp(&b.0));
    members
}

const EDITABLE: [&str; 4] = ["model", "stream_options", "max_tokens", "max_completion_tokens"];

proptest! {
    #[test]
    fn the_result_differs_in_what_was_asked_and_in_nothing_else(
        body in good_bodies(),
        mut pen in pens(),
        model in prop::option::of(texts().prop_filter("a name", |name| (1..=512).contains(&name.len()))),
        include_usage in any::<bool>(),
        output_cap in prop::option::of(1..=1_u64 << 40),
    ) {
        let raw = pen.write(&body);
        let cap = output_cap.and_then(NonZero::new);
        let edits = Edits { model: model.as_deref(), include_usage, output_cap: cap };
        let before = Body::read(raw.as_slice()).unwrap();
        let result = before.edited(edits).to_vec();
        prop_assert_eq!(result.len(), before.edited(edits).len());
        let after = Body::read(result.as_slice()).unwrap();

        let mut expected = found(&before);
        expected.model = model.clone().or(expected.model);
        expected.include_usage |= include_usage;
        expected.output_cap = output_cap.or(expected.output_cap);
        prop_assert_eq!(found(&after), expected);
        prop_assert!(after.edited(edits).is_unchanged());

        let untouched = |raw| sorted(raw).into_iter().filter(|member| !EDITABLE.contains(&member.0.as_str()));
        prop_assert!(untouched(&raw).eq(untouched(&result)));
    }

    #[test]
    fn one_edit_is_one_splice(
        body in good_bodies(),
        mut pen in pens(),
        edits in prop_oneof![
            "[a-z]{1,20}".prop_map(|model| (Some(model), false)),
            Just((None, true)),
        ],
    ) {
        let raw = pen.write(&body);
        let before = Body::read(raw.as_slice()).unwrap();
        let (model, include_usage) = edits;
        let edits = Edits { model: model.as_deref(), include_usage, output_cap: None };
        let result = before.edited(edits).to_vec();
        let head = common(raw.iter().copied(), result.iter().copied());
        let shorter = raw.len().min(result.len()) - head;
        let tail = common(raw.iter().rev().copied(), result.iter().rev().copied()).min(shorter);
        let old = &raw[head..raw.len() - tail];
        let new = &result[head..result.len() - tail];
        // What goes is at most one written value, what comes at most one member.
        let (goes, comes) = match &model {
            Some(model) => (6 * before.model().map_or(0, |old| old.encode_utf16().count()), model.len() + 11),
            None => ("false".len(), r#""stream_options":{"include_usage":true},"#.len()),
        };
        prop_assert!(old.len() <= goes, "{}", String::from_utf8_lossy(old));
        prop_assert!(new.len() <= comes, "{}", String::from_utf8_lossy(new));
    }
}
