//! `ChatRelay` by example: what goes on, what is edited, what is noticed.

use aigate_engine::{
    frames::{FrameError, Rewrite},
    inspect::UsageCounts,
};
use serde_json::json;

use crate::{ALIAS, content, delta, facts, frame, out, relay, run};

fn stripping() -> Rewrite {
    Rewrite { strip_usage: true, model: None }
}

fn renaming() -> Rewrite {
    Rewrite { strip_usage: false, model: Some(ALIAS.into()) }
}

mod what_goes_on {
    use super::*;

    #[test]
    fn whole_frames_now_and_the_rest_later() {
        let mut relay = relay(Rewrite::default());
        assert_eq!(&*relay.feed(b"data: {}\n\ndata: {").unwrap(), b"data: {}\n\n");
        assert_eq!(&*relay.feed(b"}\n").unwrap(), b"");
        assert_eq!(&*relay.feed(b"\ndata").unwrap(), b"data: {}\n\n");
        assert_eq!(relay.finish().unwrap(), b"data");
        assert_eq!(relay.finish().unwrap(), b"");
    }

    #[test]
    fn what_needs_no_edit_is_not_copied() {
        let chunk = frame(r#"{"choices":[],"usage":null}"#).repeat(3);
        let mut relay = relay(Rewrite::default());
        assert_eq!(relay.feed(chunk.as_bytes()).unwrap().as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn comments_do_not_wait_for_a_blank_line() {
        let mut relay = relay(Rewrite::default());
        assert_eq!(&*relay.feed(b": keep-alive\n").unwrap(), b": keep-alive\n");
        assert_eq!(&*relay.feed(b"\n").unwrap(), b"\n");
    }

    #[test]
    fn what_is_not_json_goes_on_and_counts_as_an_event() {
        let deep = frame(&"[".repeat(100_000));
        let deep_content = content("x").replace("null", &format!("{}1{}", "[".repeat(500), "]".repeat(500)));
        let stream = format!("{deep}{deep_content}data: {{\"a\":\n\ndata: 1\n\ndata: \u{7F}\n\n");
        assert_eq!(out(&stripping(), &stream), stream);
        assert_eq!(facts(&stream).events, 5);
        assert!(!facts(&stream).has_content);
    }

    #[test]
    fn over_a_bound_the_frames_before_go_on_and_then_it_fails() {
        let mut relay = relay(Rewrite::default());
        let long = format!("data: {{}}\n\ndata: {}", "x".repeat(1 << 20));
        assert_eq!(&*relay.feed(long.as_bytes()).unwrap(), b"data: {}\n\n");
        assert_eq!(relay.feed(b"\n\n"), Err(FrameError::LineTooLong(1 << 20)));
        assert_eq!(relay.finish(), Err(FrameError::LineTooLong(1 << 20)));
    }
}

mod edits {
    use super::*;

    #[test]
    fn a_usage_chunk_is_dropped_and_counted() {
        let usage = r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}"#;
        let chunk = frame(&format!(r#"{{"choices":[],"usage":{usage}}}"#));
        let stream = format!("{}{chunk}data: [DONE]\n\n", content("hi"));
        let (out, relay) = run(&stripping(), &[stream.as_bytes()]);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}data: [DONE]\n\n", content("hi")));
        assert_eq!(relay.facts().usage, Some(UsageCounts { fresh: 9, output: 5, ..UsageCounts::default() }));
        assert_eq!(relay.facts().raw_usage, usage);
        assert_eq!(super::out(&Rewrite::default(), &stream), stream);
    }

    #[test]
    fn the_line_end_of_a_dropped_frame_is_dropped_with_it() {
        let mut relay = relay(stripping());
        let chunk = b"data: {\"choices\":[],\"usage\":{}}\r\n\r";
        assert_eq!(&*relay.feed(chunk).unwrap(), b"");
        assert_eq!(&*relay.feed(b"\n").unwrap(), b"");
        assert_eq!(&*relay.feed(b"data: 1\r\n\r").unwrap(), b"data: 1\r\n\r");
        assert_eq!(&*relay.feed(b"\n").unwrap(), b"\n");
    }

    #[test]
    fn the_usage_member_is_cut_with_one_comma() {
        for (before, after) in [
            (r#"{"id":"a","choices":[1],"usage":null}"#, r#"{"id":"a","choices":[1]}"#),
            (r#"{"id":"a" , "usage" : null , "choices":[1]}"#, r#"{"id":"a"  , "choices":[1]}"#),
            (r#"{ "usage":null, "choices":[1]}"#, r#"{  "choices":[1]}"#),
            (r#"{"usage":{"prompt_tokens":1},"choices":[1]}"#, r#"{"choices":[1]}"#),
            (r#"{"usage":null}"#, r"{}"),
            (r#"{"usage":null,"usage":{},"a":"usage","usage":1}"#, r#"{"a":"usage"}"#),
            (r#"{"usage":null,"usage":{}}"#, r"{}"),
            (r#"{"a":1,"us\u0061ge":{}}"#, r#"{"a":1}"#),
            (r#"{"a":{"usage":null},"choices":[]}"#, r#"{"a":{"usage":null},"choices":[]}"#),
        ] {
            assert_eq!(out(&stripping(), &frame(before)), frame(after));
        }
    }

    #[test]
    fn a_filter_chunk_is_not_a_usage_chunk() {
        let chunk = |usage| frame(&format!(r#"{{"choices":[],"prompt_filter_results":[{{}}]{usage}}}"#));
        assert_eq!(out(&stripping(), &chunk(r#","usage":null"#)), chunk(""));
        assert!(!facts(&chunk("")).has_content);
    }

    #[test]
    fn the_model_is_replaced_where_it_is_a_string_at_the_top() {
        for (before, after) in [
            (
                r#"{"model" : "gpt","x":{"model":"gpt"}}"#,
                r#"{"model" : "the \"alias\"","x":{"model":"gpt"}}"#,
            ),
            (r#"{"model":"","choices":[]}"#, r#"{"model":"the \"alias\"","choices":[]}"#),
            (r#"{"model":null}"#, r#"{"model":null}"#),
            (r#"{"choices":[]}"#, r#"{"choices":[]}"#),
        ] {
            assert_eq!(out(&renaming(), &frame(before)), frame(after));
        }
        assert_eq!(facts(&frame(r#"{"model":""}{"model":"gpt"}"#)).model, "");
        assert_eq!(facts(&(frame(r#"{"model":""}"#) + &frame(r#"{"model":"gpt"}"#))).model, "gpt");
    }

    #[test]
    fn lines_stay_where_data_has_several() {
        let rewrite = Rewrite { strip_usage: true, model: Some("b".into()) };
        let stream = ": c\ndata:{ \"model\":\r\ndata:  \"a\",\nid: 3\ndata:\"usage\":\ndata\ndata: {},\ndata:\"choices\":[1]}\r\r";
        let edited =
            ": c\ndata:{ \"model\":\r\ndata:  \"b\"\nid: 3\ndata:\ndata\ndata: ,\ndata:\"choices\":[1]}\r\r";
        assert_eq!(out(&rewrite, stream), edited);
    }
}

mod notices {
    use super::*;

    #[test]
    fn content_in_all_its_shapes() {
        for seen in [
            r#"{"content":"a"}"#,
            r#"{"content":[{"type":"text","text":"a"}]}"#,
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}"#,
            r#"{"reasoning":"a"}"#,
            r#"{"reasoning_content":"a"}"#,
            r#"{"refusal":"a"}"#,
            r#"{"tool_calls":[{}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#,
            r#"{"function_call":{"name":"f"}}"#,
            r#"{"audio":{"id":"a"}}"#,
        ] {
            assert!(facts(&delta(seen)).has_content, "{seen}");
        }
        for unseen in [
            "{}",
            "null",
            "7",
            r#"{"role":"assistant","content":"","refusal":null}"#,
            r#"{"content":null,"tool_calls":[ ],"function_call":null,"audio":null,"reasoning":""}"#,
            r#"{"content":[]}"#,
            r#"{"content":[{"type":"text","text":""}]}"#,
        ] {
            assert!(!facts(&delta(unseen)).has_content, "{unseen}");
        }
        assert!(facts(&frame(r#"{"choices":[{"text":"older completions"}]}"#)).has_content);
        assert!(facts(&frame(r#"{"choices":[{"finish_reason":"stop"}]}"#)).has_content);
        assert!(!facts(": comment\n\nevent: ping\n\ndata: [DONE]\n\n").has_content);
    }

    fn is_finished(payloads: &[&str]) -> bool {
        let stream: String = payloads.iter().map(|payload| frame(payload)).collect();
        run(&Rewrite::default(), &[stream.as_bytes()]).1.is_finished()
    }

    #[test]
    fn the_end_of_every_choice() {
        let zero = r#"{"choices":[{"index":0,"finish_reason":"stop"}]}"#;
        let one = r#"{"choices":[{"delta":{},"index":1}]}"#;
        let one_ends = r#"{"choices":[{"finish_reason":"length","index":1}]}"#;
        assert!(is_finished(&[zero]));
        assert!(is_finished(&[zero, r#"{"choices":[{"index":0,"finish_reason":null}]}"#]));
        assert!(!is_finished(&[one, zero]));
        assert!(is_finished(&[one, zero, one_ends]));
        assert!(is_finished(&["[DONE]"]));
        assert!(!is_finished(&[]));
        assert!(!is_finished(&[r#"{"choices":[]}"#, r#"{"choices":[{"index":0}]}"#]));
    }

    #[test]
    fn an_end_that_was_not_closed_is_no_end() {
        let (_, relay) = run(&Rewrite::default(), &[br#"data: {"choices":[{"finish_reason":"stop"}]}"#]);
        assert!(!relay.is_finished() && !relay.facts().has_content);
    }

    #[test]
    fn the_last_usage_that_can_be_believed() {
        let chunk = |output: &str| frame(&format!(r#"{{"choices":[{{}}],"usage":{output}}}"#));
        let usage = |output: i64| json!({"prompt_tokens": 1, "completion_tokens": output}).to_string();
        let stream = chunk(&usage(1)) + &chunk(&usage(2)) + &chunk("null") + &chunk(&usage(-1));
        assert_eq!(facts(&stream).usage.unwrap().output, 2);
        let unclosed = format!("data: {}", json!({"usage": {"prompt_tokens": 1, "completion_tokens": 7}}));
        assert_eq!(facts(&(stream + &unclosed)).usage.unwrap().output, 7);
    }
}
