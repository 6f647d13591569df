//! Invariant: an edited body is taken, says what was asked and otherwise what it said before; every byte but those of the
//! replaced values is the original's; edits made once are made, a second time there is nothing to do.
#![no_main]

#[path = "../../engine/tests/inspect/oracle.rs"]
#[allow(dead_code)]
mod oracle;
#[path = "../../engine/tests/inspect/tree.rs"]
mod tree;

use std::num::NonZero;

use aigate_engine::inspect::{Body, Edits};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use tree::Json;

const EDITABLE: [&str; 4] = ["model", "stream_options", "max_tokens", "max_completion_tokens"];
const MESSAGES: &[u8] = br#""messages":[{"role":"user"}]"#;

/// Members that no edit concerns, where `serde_json` makes a tree: it makes none of lone surrogates.
fn untouched(raw: &[u8]) -> Option<Vec<(String, Json)>> {
    let Ok(Json::Object(mut members)) = serde_json::from_slice(raw) else { return None };
    members.retain(|(name, _)| !EDITABLE.contains(&name.as_str()));
    Some(members)
}

fn check(raw: &[u8], edits: Edits<'_>) {
    let Ok(before) = Body::read(raw) else { return };
    let edited = before.edited(edits);
    let result = edited.to_vec();
    assert_eq!(result.len(), edited.len());
    assert_eq!(edited.is_unchanged(), result == raw);

    let mut end = 0;
    for kept in edited.pieces().step_by(2) {
        let start = kept.as_ptr().addr() - raw.as_ptr().addr();
        let left_out = &raw[end..start];
        assert!(left_out.is_empty() || serde_json::from_slice::<IgnoredAny>(left_out).is_ok());
        end = start + kept.len();
    }
    assert_eq!(end, raw.len());

    let after = Body::read(result.as_slice()).expect("an edited body is taken");
    let mut expected = oracle::found(&before);
    expected.model = edits.model.map(Into::into).or(expected.model);
    expected.include_usage |= edits.include_usage;
    expected.output_cap = edits.output_cap.map(NonZero::get).or(expected.output_cap);
    assert_eq!(oracle::found(&after), expected);
    assert!(after.edited(edits).is_unchanged());
    if let Some(members) = untouched(raw) {
        assert_eq!(untouched(&result), Some(members));
    }
}

fuzz_target!(|input: (Option<String>, bool, Option<u32>, &[u8])| {
    let (model, include_usage, output_cap, data) = input;
    let model = model.filter(|model| (1..=512).contains(&model.len()));
    let output_cap = output_cap.and_then(|cap| NonZero::new(u64::from(cap)));
    let edits = Edits { model: model.as_deref(), include_usage, output_cap };
    check(data, edits);
    check(&[b"{", MESSAGES, b",", data, b"}"].concat(), edits);
    check(&[b"{", data, b",", MESSAGES, b"}"].concat(), edits);
});
