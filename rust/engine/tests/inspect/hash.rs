//! Which bodies have the same canonical hash, and which must not.

use std::collections::HashMap;

use aigate_engine::inspect::Body;
use proptest::prelude::*;

use super::{
    spelling::{pens, values},
    tree::Json,
};

fn hash_of(member: &str) -> [u8; 32] {
    let raw = format!(r#"{{"messages":[{{"role":"user"}}],"x":{member}}}"#);
    Body::read(raw).unwrap().canonical_hash()
}

/// A body around any value, so that the value is what the hash is about.
fn around(value: Json) -> Json {
    let message = Json::Object(vec![("role".into(), Json::Text("user".into()))]);
    Json::Object(vec![("messages".into(), Json::Array(vec![message])), ("x".into(), value)])
}

#[test]
fn spellings_of_one_value_have_one_hash() {
    for spellings in [
        vec!["10", "10.0", "1e1", "1E+1", "100e-1", "1.0e1", "0.1e2", "10.000", "0.01e3", "1000e-002"],
        vec!["0", "-0", "0.0", "-0.0", "0e5", "0e99999999999999999999999", "0.000e-3"],
        vec!["-120", "-1.2e2", "-12e1", "-120.00"],
        vec!["100000000000000000000000000000", "1e29"],
        vec![r#""a/b""#, r#""a\/b""#, r#""\u0061/b""#],
        vec![r#""😀""#, r#""\ud83d\ude00""#, r#""\uD83D\uDE00""#],
        vec![r#"{"a":1,"b":[1,{"c":2,"d":3}]}"#, r#"{ "b" : [1, {"d":3,"c":2}], "\u0061":1 }"#],
    ] {
        let hashes: Vec<_> = spellings.iter().map(|spelling| hash_of(spelling)).collect();
        assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{spellings:?}");
    }
}

#[test]
fn different_values_have_different_hashes() {
    let long = "x".repeat(2000);
    let different = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "10",
        "100",
        "1.5",
        "1.50",
        "0.15",
        "15",
        "1e400",
        "\"\"",
        "\"1\"",
        "\"null\"",
        "[]",
        "[[]]",
        "[[],[]]",
        "[1,2]",
        "[2,1]",
        "[12]",
        "{}",
        "[{}]",
        r#"{"a":1}"#,
        r#"{"a":"1"}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":1,"b":1}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":2,"a":1}"#,
        r#"{"a":1,"a":1}"#,
        r#"["a","b"]"#,
        r#"["ab"]"#,
        r#"["a\",\"b"]"#,
        r#""\ud800""#,
        r#""\ud801""#,
        r#""\ufffd""#,
        r#""\u0000""#,
        r#"" ""#,
        r#""1e1""#,
    ];
    let long = [
        format!(r#""{long}""#),
        format!(r#""{long}y""#),
        format!(r#"["{long}"]"#),
        format!(r#""{long}\ud800""#),
    ];
    let mut seen = HashMap::new();
    for member in different.into_iter().chain(long.iter().map(String::as_str)) {
        if let Some(other) = seen.insert(hash_of(member), member) {
            panic!("{other} and {member} have one hash");
        }
    }
}

#[test]
fn the_hash_is_the_same_on_every_machine_and_day() {
    let raw = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"temperature":0.5,"n":1}"#;
    let hash = Body::read(raw).unwrap().canonical_hash();
    assert_eq!(u64::from_be_bytes(*hash.first_chunk().unwrap()), 0x5142_4d2e_6c64_29c1);
}

/// `value` with one thing in it different.
fn changed(value: &Json, at: usize) -> Json {
    match value {
        Json::Null => Json::Bool(false),
        Json::Bool(bool) => Json::Bool(!bool),
        Json::Integer(integer) => Json::Integer(integer + 1),
        Json::Fraction(fraction) => Json::Fraction(fraction / 2.0 + 0.1),
        Json::Text(text) => Json::Text(format!("{text}\u{0}")),
        Json::Array(elements) if elements.is_empty() => Json::Array(vec![Json::Null]),
        Json::Object(members) if members.is_empty() => Json::Object(vec![(String::new(), Json::Null)]),
        Json::Array(elements) => {
            let mut elements = elements.clone();
            let index = at % elements.len();
            elements[index] = changed(&elements[index], at / 3);
            Json::Array(elements)
        }
        Json::Object(members) => {
            let mut members = members.clone();
            let index = at % members.len();
            if at.is_multiple_of(2) {
                members[index].1 = changed(&members[index].1, at / 3);
            } else {
                members[index].0.push('!');
            }
            Json::Object(members)
        }
    }
}

proptest! {
    #[test]
    fn spelling_does_not_matter_and_values_do(
        value in values(),
        at in any::<usize>(),
        mut pen in pens(),
        mut other_pen in pens(),
    ) {
        other_pen.shuffles = true;
        other_pen.respells_integers = true;
        let (body, other) = (around(value.clone()), around(changed(&value, at)));
        let raw = pen.write(&body);
        let hash = Body::read(raw.as_slice()).unwrap().canonical_hash();
        prop_assert_eq!(Body::read(other_pen.write(&body)).unwrap().canonical_hash(), hash);
        prop_assert_ne!(Body::read(other_pen.write(&other)).unwrap().canonical_hash(), hash);
    }
}
