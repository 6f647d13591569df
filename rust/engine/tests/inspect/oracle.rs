//! What `inspect` must find in a body, said again over a tree of `serde_json`'s making. The fuzz target uses it too.

use aigate_engine::inspect::{Body, Flaw, InspectError, SpanKind};
use serde::de::IgnoredAny;

use super::tree::Json;

const LARGEST_CAP: i64 = 1 << 40;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub model: Option<String>,
    pub stream: bool,
    pub include_usage: bool,
    pub output_cap: Option<u64>,
    pub n: u64,
    pub user: Option<String>,
    pub metadata: Vec<(String, String)>,
    pub messages: usize,
    pub tools: usize,
    pub images: usize,
    /// Roles and contents.
    pub texts: Vec<(String, String)>,
    /// A content had neither string nor null in the place of a text; how it was written is not in the tree.
    pub has_raw_text: bool,
}

/// Nothing more is said: only that it must be refused.
#[derive(Debug, PartialEq)]
pub struct Refused;

type Told<T> = Result<T, Refused>;

const ONCE: [&str; 8] =
    ["model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "messages", "tools"];

pub fn found<B: AsRef<[u8]>>(body: &Body<B>) -> Facts {
    Facts {
        model: body.model().map(Into::into),
        stream: body.stream(),
        include_usage: body.include_usage(),
        output_cap: body.output_cap(),
        n: body.n(),
        user: body.user().map(Into::into),
        metadata: body.metadata().map(|(name, value)| (name.into(), value.into())).collect(),
        messages: body.message_count(),
        tools: body.tool_count(),
        images: body.image_count(),
        texts: body
            .texts()
            .filter(|text| matches!(text.kind, SpanKind::Role | SpanKind::Content))
            .map(|text| (format!("{:?}", text.kind), text.text.into()))
            .collect(),
        has_raw_text: false,
    }
}

fn all<'a>(object: &'a Json, name: &str) -> Vec<&'a Json> {
    let Json::Object(members) = object else { return Vec::new() };
    members.iter().filter(|member| member.0 == name).map(|member| &member.1).collect()
}

/// The last member of that name; null is none.
fn get<'a>(object: &'a Json, name: &str) -> Option<&'a Json> {
    all(object, name).pop().filter(|value| **value != Json::Null)
}

fn once(object: &Json, name: &str) -> Told<()> {
    if all(object, name).len() > 1 { Err(Refused) } else { Ok(()) }
}

fn string(value: &Json, most: usize) -> Told<String> {
    match value {
        Json::Text(text) if text.len() <= most => Ok(text.clone()),
        _ => Err(Refused),
    }
}

fn boolean(object: &Json, name: &str) -> Told<bool> {
    once(object, name)?;
    match get(object, name) {
        None => Ok(false),
        Some(Json::Bool(value)) => Ok(*value),
        _ => Err(Refused),
    }
}

fn positive(object: &Json, name: &str, most: i64) -> Told<Option<u64>> {
    once(object, name)?;
    match get(object, name) {
        None => Ok(None),
        Some(Json::Integer(value)) if (1..=most).contains(value) => Ok(Some(value.unsigned_abs())),
        _ => Err(Refused),
    }
}

fn array<'a>(object: &'a Json, name: &str) -> Told<&'a [Json]> {
    match get(object, name) {
        None => Ok(&[]),
        Some(Json::Array(elements)) => Ok(elements),
        _ => Err(Refused),
    }
}

/// What must be found in a body of messages whose texts are all strings.
pub fn expected(body: &Json) -> Told<Facts> {
    let Json::Object(_) = body else { return Err(Refused) };
    for name in ONCE {
        once(body, name)?;
    }
    let mut facts = Facts { n: positive(body, "n", 128)?.unwrap_or(1), ..Facts::default() };
    if let Some(model) = all(body, "model").pop() {
        facts.model = Some(string(model, 512)?).filter(|model| !model.is_empty());
        facts.model.as_ref().ok_or(Refused)?;
    }
    facts.stream = boolean(body, "stream")?;
    match get(body, "stream_options") {
        None => {}
        Some(options @ Json::Object(_)) => facts.include_usage = boolean(options, "include_usage")?,
        _ => return Err(Refused),
    }
    let caps =
        [positive(body, "max_completion_tokens", LARGEST_CAP)?, positive(body, "max_tokens", LARGEST_CAP)?];
    facts.output_cap = caps[0].or(caps[1]);
    for user in all(body, "user") {
        facts.user = if *user == Json::Null { None } else { Some(string(user, 512)?) };
    }
    for metadata in all(body, "metadata") {
        facts.metadata = pairs(metadata)?;
    }
    let tools = array(body, "tools")?;
    if tools.iter().any(|tool| !matches!(tool, Json::Object(_))) {
        return Err(Refused);
    }
    facts.tools = tools.len();
    if all(body, "functions").iter().any(|functions| !matches!(functions, Json::Null | Json::Array(_))) {
        return Err(Refused);
    }
    messages(body, &mut facts)?;
    Ok(facts)
}

fn pairs(metadata: &Json) -> Told<Vec<(String, String)>> {
    match metadata {
        Json::Null => Ok(Vec::new()),
        Json::Object(members)
            if members.len() <= 16 && members.iter().all(|member| member.0.len() <= 256) =>
        {
            members.iter().map(|(name, value)| Ok((name.clone(), string(value, 2048)?))).collect()
        }
        _ => Err(Refused),
    }
}

fn messages(body: &Json, facts: &mut Facts) -> Told<()> {
    let messages = array(body, "messages")?;
    if messages.is_empty() {
        return Err(Refused);
    }
    facts.messages = messages.len();
    for message in messages {
        let Json::Object(members) = message else { return Err(Refused) };
        if all(message, "role").is_empty() {
            return Err(Refused);
        }
        for (name, value) in members {
            match name.as_str() {
                "role" => facts.texts.push(("Role".into(), string(value, usize::MAX)?)),
                "content" => content(value, facts)?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn content(content: &Json, facts: &mut Facts) -> Told<()> {
    let mut text = |text: &Json| match text {
        Json::Text(text) => facts.texts.push(("Content".into(), text.clone())),
        Json::Null => {}
        _ => facts.has_raw_text = true,
    };
    match content {
        Json::Null => Ok(()),
        Json::Text(_) => {
            text(content);
            Ok(())
        }
        Json::Array(parts) => {
            for part in parts {
                match part {
                    Json::Object(_) => all(part, "text").into_iter().for_each(&mut text),
                    part => text(part),
                }
            }
            let names_an_image = |name: &&Json| match name {
                Json::Text(name) => matches!(name.as_str(), "image_url" | "input_image" | "image"),
                _ => false,
            };
            let is_image = |part: &&Json| all(part, "type").iter().any(names_an_image);
            facts.images += parts.iter().filter(is_image).count();
            Ok(())
        }
        _ => Err(Refused),
    }
}

/// A body must be taken or refused, and read, as this oracle does over the tree that `serde_json` makes of it.
pub fn judge(raw: &[u8]) {
    let read = Body::read(raw);
    let is_json = std::str::from_utf8(raw).is_ok() && serde_json::from_slice::<IgnoredAny>(raw).is_ok();
    if let Err(InspectError::Unreadable(error)) = &read {
        let is_stricter = matches!(
            error.flaw,
            Flaw::TooDeep | Flaw::TooManyValues | Flaw::NotAnObject | Flaw::ByteOrderMark
        );
        assert!(is_stricter || !is_json, "{error}");
        assert!(error.offset <= raw.len());
        return;
    }
    assert!(is_json || read.is_err());
    // No tree is made of lone surrogates, nor of numbers beyond a double.
    let Ok(tree) = serde_json::from_slice::<Json>(raw) else { return };
    match (expected(&tree), read) {
        (Ok(mut expected), Ok(body)) => {
            let mut found = found(&body);
            if std::mem::take(&mut expected.has_raw_text) {
                (found.texts, expected.texts) = Default::default();
            }
            assert_eq!(found, expected);
            let text_bytes: usize = body.texts().map(|text| text.text.len()).sum();
            assert_eq!(body.text_bytes(), text_bytes as u64);
        }
        (expected, read) => assert_eq!(expected.is_ok(), read.is_ok(), "{expected:?} {read:?}"),
    }
}
