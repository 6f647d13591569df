//! Errors that a provider sends inside a stream that began well.
//!
//! Owns what counts as one and what is kept of it, within bounds. Does not own what the caller is told. Invariant: an
//! error is never taken for data because its shape is unknown.

use serde_json::{Map, Value};

const MAX_MESSAGE_BYTES: usize = 2 * 1024;
const MAX_RAW_BYTES: usize = 4 * 1024;
const MAX_NAME_BYTES: usize = 128;
const WITHOUT_MESSAGE: &str = "the provider gave no message";

/// An error in the stream. Texts are the provider's own, cut at a character when too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InBandError {
    /// At most 2 KiB.
    pub message: String,
    /// `code`, a number in decimal; empty when there is none. At most 128 bytes.
    pub code: String,
    /// `type`, or TGI's `error_type`; empty when there is none. At most 128 bytes.
    pub kind: String,
    /// The payload as it came, at most 4 KiB.
    pub raw: String,
}

impl InBandError {
    /// The error in a payload with a member `error`; `None` when a client would not take it for one, as it is falsy.
    pub(super) fn of_member(data: &[u8]) -> Option<Self> {
        let raw = String::from_utf8_lossy(data);
        match serde_json::from_str::<Value>(&raw) {
            Ok(Value::Object(payload)) => {
                let error = payload.get("error").filter(|error| is_truthy(error))?;
                Some(Self::read(error, &payload, &raw))
            }
            _ => Some(Self::unread(&raw)),
        }
    }

    /// The error in an event of the name `error`, whatever its payload.
    pub(super) fn of_event(data: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(data);
        match serde_json::from_str::<Value>(&raw) {
            Ok(Value::Object(payload)) => match payload.get("error").filter(|error| is_truthy(error)) {
                Some(error) => Self::read(error, &payload, &raw),
                None => Self::read(&Value::Object(payload.clone()), &payload, &raw),
            },
            _ => Self::unread(&raw),
        }
    }

    /// The error that a choice's `finish_reason` of `error` stands for.
    pub(super) fn of_finish(data: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(data);
        Self {
            message: "finish_reason error".to_owned(),
            code: String::new(),
            kind: "error".to_owned(),
            raw: bounded(&raw, MAX_RAW_BYTES),
        }
    }

    fn read(error: &Value, payload: &Map<String, Value>, raw: &str) -> Self {
        let member = |name| error.get(name).and_then(text_of);
        let message = match error {
            Value::String(message) => Some(message.clone()),
            _ => member("message"),
        };
        let kind = member("type").or_else(|| payload.get("error_type").and_then(text_of));
        Self {
            message: bounded(message.as_deref().unwrap_or(raw), MAX_MESSAGE_BYTES),
            code: bounded(&member("code").unwrap_or_default(), MAX_NAME_BYTES),
            kind: bounded(&kind.unwrap_or_default(), MAX_NAME_BYTES),
            raw: bounded(raw, MAX_RAW_BYTES),
        }
    }

    fn unread(raw: &str) -> Self {
        let message = if raw.is_empty() { WITHOUT_MESSAGE } else { raw };
        Self {
            message: bounded(message, MAX_MESSAGE_BYTES),
            code: String::new(),
            kind: String::new(),
            raw: bounded(raw, MAX_RAW_BYTES),
        }
    }
}

/// Python's idea of it, which is what the openai SDK goes by.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// As much of `text` as `max_bytes` hold in whole characters.
pub(super) fn bounded(text: &str, max_bytes: usize) -> String {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
