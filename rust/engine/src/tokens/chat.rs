//! The input tokens of a chat request.
//!
//! Owns the formula of the `OpenAI` cookbook ("How to count tokens with tiktoken", `num_tokens_from_messages`, as for
//! gpt-4o and gpt-4): 3 tokens a message, the tokens of each role, name and content, 1 for each name, and 3 that start the
//! reply. Tool definitions: see `tools`. What the cookbook leaves open is counted as the text it is: reasoning, refusals,
//! JSON schemas, predictions; a tool call as its name and arguments and 3. Of an image only the request's bytes are at
//! hand, not its size: it counts as the 85 tokens of low detail. Does not own where the texts are in a body. Invariant:
//! every text of the request is counted once; the sum is an estimate where the provider adds what it does not tell.

use super::{Encoding, tools};
use crate::inspect::{Body, SpanKind, Text};

const MESSAGE: usize = 3;
const NAME: usize = 1;
const REPLY: usize = 3;
const TOOL_CALL: usize = 3;
const IMAGE: usize = 85;

/// Input tokens of a chat request.
pub fn count_chat<B: AsRef<[u8]>>(body: &Body<B>, encoding: &Encoding) -> u64 {
    count_prompt(body.texts(), body.message_count(), body.image_count(), encoding)
}

/// Input tokens of `messages` messages with these texts and that many images.
pub fn count_prompt<'a>(
    texts: impl Iterator<Item = Text<'a>>,
    messages: usize,
    images: usize,
    encoding: &Encoding,
) -> u64 {
    let mut tokens = MESSAGE * messages + IMAGE * images + REPLY;
    let mut has_tools = false;
    for Text { kind, text } in texts {
        tokens += match kind {
            SpanKind::Role => encoding.count(&text),
            SpanKind::Name => NAME + encoding.count(&text),
            SpanKind::ToolName => TOOL_CALL + encoding.count(&text),
            SpanKind::ToolDefinition => {
                has_tools = true;
                encoding.count_definition(&text)
            }
            SpanKind::Content
            | SpanKind::Reasoning
            | SpanKind::Refusal
            | SpanKind::ToolArguments
            | SpanKind::ResponseFormat
            | SpanKind::Prediction => encoding.count_message(&text),
        };
    }
    (tokens + if has_tools { tools::END } else { 0 }) as u64
}
