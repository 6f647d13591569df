//! The canned answers, of the size and shape `OpenAI`'s have: a 770-byte completion with usage, and a stream of 51 events
//! of about 300 bytes (the role, 47 pieces of text, the finish, the usage, `[DONE]`).

use std::time::Duration;

const REPLY_BYTES: usize = 770;
const EVENT_BYTES: usize = 300;
const TEXT_EVENTS: usize = 47;
const WORDS: [&str; 8] = [" the", " gateway", " answers", " with", " words", " of", " usual", " length"];
const USAGE: &str = concat!(
    r#""usage":{"prompt_tokens":171,"completion_tokens":47,"total_tokens":218,"#,
    r#""prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"#,
    r#""completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"#,
    r#""accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#
);
const CHUNK_HEAD: &str = concat!(
    r#"data: {"id":"chatcmpl-BenchBenchBenchBenchBenchBench","object":"chat.completion.chunk","#,
    r#""created":1760000000,"model":"gpt-4o-mini-2024-07-18","#
);

pub struct Script {
    /// Each is its own `send`.
    pub segments: Vec<Vec<u8>>,
    pub pace: Duration,
}

// === impl Script ===

impl Script {
    pub fn plain() -> Self {
        Self::json("200 OK", &reply())
    }

    pub fn models() -> Self {
        Self::json(
            "200 OK",
            r#"{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1,"owned_by":"x"}]}"#,
        )
    }

    pub fn refusal() -> Self {
        Self::json(
            "400 Bad Request",
            r#"{"error":{"message":"the mock does not know this request","type":"invalid"}}"#,
        )
    }

    pub fn json(status: &str, body: &str) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Self { segments: vec![[head.as_bytes(), body.as_bytes()].concat()], pace: Duration::ZERO }
    }

    /// The head leaves with the first event and the end of the body with the last, as one `send` per event asks.
    pub fn stream(pace: Duration) -> Self {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
                    Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut segments: Vec<Vec<u8>> = events()
            .iter()
            .map(|event| [format!("{:x}\r\n", event.len()).as_bytes(), event.as_bytes(), b"\r\n"].concat())
            .collect();
        if let Some(first) = segments.first_mut() {
            *first = [head.as_bytes(), first].concat();
        }
        if let Some(last) = segments.last_mut() {
            last.extend_from_slice(b"0\r\n\r\n");
        }
        Self { segments, pace }
    }
}

fn reply() -> String {
    let before = concat!(
        r#"{"id":"chatcmpl-BenchBenchBenchBenchBenchBench","object":"chat.completion","created":1760000000,"#,
        r#""model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":""#
    );
    let after = format!(
        r#"","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],{USAGE},{}}}"#,
        r#""service_tier":"default","system_fingerprint":"fp_0123456789""#
    );
    let text: String =
        WORDS.concat().chars().cycle().take(REPLY_BYTES - before.len() - after.len()).collect();
    format!("{before}{text}{after}")
}

fn events() -> Vec<String> {
    let choice = |delta: &str, finish: &str| {
        format!(
            r#""choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}],"usage":null"#
        )
    };
    let mut events = vec![chunk(&choice(r#"{"role":"assistant","content":"","refusal":null}"#, "null"))];
    events.extend(
        WORDS
            .iter()
            .cycle()
            .take(TEXT_EVENTS)
            .map(|word| chunk(&choice(&format!(r#"{{"content":"{word}"}}"#), "null"))),
    );
    events.push(chunk(&choice("{}", r#""stop""#)));
    events.push(chunk(&format!(r#""choices":[],{USAGE}"#)));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// One frame, padded with `OpenAI`'s `obfuscation` member to the usual size.
fn chunk(members: &str) -> String {
    let bare = CHUNK_HEAD.len() + members.len() + r#","obfuscation":""}"#.len() + 2;
    let padding = "x".repeat(EVENT_BYTES.saturating_sub(bare));
    format!("{CHUNK_HEAD}{members},\"obfuscation\":\"{padding}\"}}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_sizes_the_figures_are_quoted_for() {
        assert_eq!(reply().len(), REPLY_BYTES);
        let parsed: serde_json::Value = serde_json::from_str(&reply()).unwrap();
        assert_eq!(parsed["usage"]["total_tokens"], 218);
        let events = events();
        assert_eq!(events.len(), 51);
        for event in &events[..49] {
            assert_eq!(event.len(), EVENT_BYTES, "{event}");
        }
    }

    #[test]
    fn every_event_but_the_last_is_json() {
        let (last, chunks) = events().split_last().map(|(l, c)| (l.clone(), c.to_vec())).unwrap();
        assert_eq!(last, "data: [DONE]\n\n");
        for event in chunks {
            let json = event.strip_prefix("data: ").unwrap();
            let parsed: serde_json::Value = serde_json::from_str(json.trim_end()).unwrap();
            assert_eq!(parsed["object"], "chat.completion.chunk");
        }
    }

    #[test]
    fn a_stream_is_one_send_per_event() {
        let script = Script::stream(Duration::from_millis(10));
        assert_eq!(script.segments.len(), 51);
        assert!(script.segments[0].starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(script.segments[50].ends_with(b"data: [DONE]\n\n\r\n0\r\n\r\n"));
    }
}
