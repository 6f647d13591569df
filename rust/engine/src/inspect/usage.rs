//! What a provider says a call used, read from a `usage` object.
//!
//! Owns the reading of OpenAI-shaped usage figures and the rule for believing them. Does not own prices, nor what is
//! done when a provider says nothing. Invariant: every figure handed out is at most [`MAX_TOKENS`]; an object with a
//! figure that cannot be true (negative, huge, a fraction, a string) is believed in no part.

use super::{
    request::integer,
    scan::{Kind, Scanner, SyntaxError, checked},
};

/// The largest figure that is believed. A lie below it cannot overflow money in int64 nano-dollars per token.
pub const MAX_TOKENS: u64 = 1 << 40;

/// The longest `usage` object whose text is kept.
pub const MAX_RAW_USAGE_BYTES: usize = 4096;

/// Tokens of one call, as the ledger wants them: input = `fresh + cache_read + cache_write`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// Input tokens that came neither from a cache nor went into one; 0 when the provider's parts exceed its whole.
    pub fresh: u64,
    /// `prompt_tokens_details.cached_tokens`.
    pub cache_read: u64,
    /// `prompt_tokens_details.cache_write_tokens`.
    pub cache_write: u64,
    /// `completion_tokens`; where only `total_tokens` is told, what that leaves beyond the prompt.
    pub output: u64,
    /// `completion_tokens_details.reasoning_tokens`, a part of `output`.
    pub reasoning: u64,
    /// `prompt_tokens_details.audio_tokens`, a part of the input.
    pub audio_input: u64,
    /// `completion_tokens_details.audio_tokens`, a part of `output`.
    pub audio_output: u64,
}

/// The figures of a `usage` object as far as they are told; null is not told.
#[derive(Default)]
struct Told {
    prompt: Option<u64>,
    completion: Option<u64>,
    total: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    audio_input: Option<u64>,
    reasoning: Option<u64>,
    audio_output: Option<u64>,
}

/// A figure or a shape that nothing is believed of.
struct Disbelieved;

impl From<SyntaxError> for Disbelieved {
    fn from(_: SyntaxError) -> Self {
        Self
    }
}

type Believed<T> = Result<T, Disbelieved>;

/// The counts of a `usage` value, given its JSON text.
///
/// `None` when there is nothing to believe: `null`, no `prompt_tokens`, neither `completion_tokens` nor
/// `total_tokens`, or a figure that is not an integer in `0..=MAX_TOKENS`. Of a member given twice the last one counts.
pub fn usage_of(raw: &[u8]) -> Option<UsageCounts> {
    let mut scan = Scanner::new(checked(raw).ok()?);
    let mut told = Told::default();
    told.read(&mut scan).ok()?;
    scan.end().ok()?;
    told.counts()
}

/// The text of a `usage` value as the ledger keeps it: whole, or nothing when it is too long to be honest.
pub fn kept_usage(raw: &[u8]) -> &str {
    if raw.len() > MAX_RAW_USAGE_BYTES { "" } else { simdutf8::basic::from_utf8(raw).unwrap_or_default() }
}

impl Told {
    fn read(&mut self, scan: &mut Scanner<'_>) -> Believed<()> {
        members(scan, |scan, name| {
            match name {
                b"prompt_tokens" => self.prompt = figure(scan)?,
                b"completion_tokens" => self.completion = figure(scan)?,
                b"total_tokens" => self.total = figure(scan)?,
                b"prompt_tokens_details" => self.prompt_details(scan)?,
                b"completion_tokens_details" => self.completion_details(scan)?,
                _ => scan.skip()?,
            }
            Ok(())
        })
    }

    fn prompt_details(&mut self, scan: &mut Scanner<'_>) -> Believed<()> {
        members(scan, |scan, name| {
            match name {
                b"cached_tokens" => self.cache_read = figure(scan)?,
                b"cache_write_tokens" => self.cache_write = figure(scan)?,
                b"audio_tokens" => self.audio_input = figure(scan)?,
                _ => scan.skip()?,
            }
            Ok(())
        })
    }

    fn completion_details(&mut self, scan: &mut Scanner<'_>) -> Believed<()> {
        members(scan, |scan, name| {
            match name {
                b"reasoning_tokens" => self.reasoning = figure(scan)?,
                b"audio_tokens" => self.audio_output = figure(scan)?,
                _ => scan.skip()?,
            }
            Ok(())
        })
    }

    /// The figures, if the parts fit into their wholes; a usage that contradicts itself is none.
    fn counts(&self) -> Option<UsageCounts> {
        let prompt = self.prompt?;
        let output = self.completion.or_else(|| Some(self.total?.saturating_sub(prompt)))?;
        let cache_read = self.cache_read.unwrap_or(0);
        let cache_write = self.cache_write.unwrap_or(0);
        let fresh = prompt.checked_sub(cache_read + cache_write)?;
        let counts = UsageCounts {
            fresh,
            cache_read,
            cache_write,
            output,
            reasoning: self.reasoning.unwrap_or(0),
            audio_input: self.audio_input.unwrap_or(0).min(fresh), // the rest of it was cached
            audio_output: self.audio_output.unwrap_or(0),
        };
        (counts.reasoning.max(counts.audio_output) <= output).then_some(counts)
    }
}

/// Hand each member of the next value to `read`; null has none, and of anything but an object nothing is believed.
fn members<'a>(
    scan: &mut Scanner<'a>,
    mut read: impl FnMut(&mut Scanner<'a>, &[u8]) -> Believed<()>,
) -> Believed<()> {
    match scan.peek()? {
        Kind::Null => Ok(scan.skip()?),
        Kind::Object => scan.members(|scan, name| read(scan, &scan.text(name))).map(drop),
        _ => Err(Disbelieved),
    }
}

/// The next value as a count of tokens; null is none told.
fn figure(scan: &mut Scanner<'_>) -> Believed<Option<u64>> {
    match scan.peek()? {
        Kind::Null => Ok(scan.skip().map(|()| None)?),
        Kind::Number => {
            let digits = scan.number()?;
            match integer(&scan.bytes()[digits]) {
                Some(count) if count <= MAX_TOKENS => Ok(Some(count)),
                _ => Err(Disbelieved),
            }
        }
        _ => Err(Disbelieved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_figure() {
        let raw = br#"{"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150, "novel": [1],
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10, "audio_tokens": 3, "x": {}},
            "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 4}}"#;
        let expected = UsageCounts {
            fresh: 30,
            cache_read: 60,
            cache_write: 10,
            output: 50,
            reasoning: 20,
            audio_input: 3,
            audio_output: 4,
        };
        assert_eq!(usage_of(raw), Some(expected));
    }

    #[test]
    fn parts_beyond_the_whole_are_not_believed() {
        for raw in [
            r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}"#,
            r#"{"prompt_tokens":5,"completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":2}}"#,
            r#"{"prompt_tokens":5,"completion_tokens":1,"completion_tokens_details":{"audio_tokens":2}}"#,
        ] {
            assert_eq!(usage_of(raw.as_bytes()), None, "{raw}");
        }
    }

    #[test]
    fn null_details_and_figures_are_zero() {
        let raw =
            br#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":null},
            "completion_tokens_details":null}"#;
        assert_eq!(usage_of(raw), Some(UsageCounts { fresh: 5, output: 1, ..UsageCounts::default() }));
    }

    #[test]
    fn embeddings_tell_only_the_total() {
        let raw = br#"{"prompt_tokens":8,"total_tokens":8}"#;
        assert_eq!(usage_of(raw), Some(UsageCounts { fresh: 8, ..UsageCounts::default() }));
    }

    #[test]
    fn lies_and_silence_are_absence() {
        for raw in [
            "",
            "null",
            "7",
            "[]",
            "{}",
            r#"{"prompt_tokens":1}"#,
            r#"{"completion_tokens":1}"#,
            r#"{"prompt_tokens":null,"completion_tokens":1}"#,
            r#"{"prompt_tokens":-1,"completion_tokens":1}"#,
            r#"{"prompt_tokens":1.0,"completion_tokens":1}"#,
            r#"{"prompt_tokens":1e3,"completion_tokens":1}"#,
            r#"{"prompt_tokens":"1","completion_tokens":1}"#,
            r#"{"prompt_tokens":1,"completion_tokens":1099511627777}"#,
            r#"{"prompt_tokens":1,"completion_tokens":99999999999999999999999}"#,
            r#"{"prompt_tokens":1,"completion_tokens":"1","completion_tokens":1}"#,
            r#"{"prompt_tokens":1,"completion_tokens":1,"prompt_tokens_details":7}"#,
            r#"{"prompt_tokens":1,"completion_tokens":1,"completion_tokens_details":{"audio_tokens":-4}}"#,
            r#"{"prompt_tokens":1,"completion_tokens":1} trailing"#,
        ] {
            assert_eq!(usage_of(raw.as_bytes()), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn figures_are_bounded_and_bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(usage_of(&raw).is_none_or(|counts| counts.output <= MAX_TOKENS));
        }

        #[test]
        fn input_is_the_sum_of_its_parts(fresh in 0..1u64 << 38, read in 0..1u64 << 38, write in 0..1u64 << 38) {
            let prompt = fresh + read + write;
            let raw = format!(
                r#"{{"prompt_tokens":{prompt},"completion_tokens":0,
                    "prompt_tokens_details":{{"cached_tokens":{read},"cache_write_tokens":{write}}}}}"#
            );
            let counts = usage_of(raw.as_bytes());
            let expected =
                UsageCounts { fresh, cache_read: read, cache_write: write, ..UsageCounts::default() };
            prop_assert_eq!(counts, Some(expected));
        }
    }
}
