//! The text of an answer, kept only as far as it takes to count its tokens.
//!
//! Owns one window of text per choice and the tokens of what has left it. Invariant: memory is at most
//! `MAX_CHOICES * 2 * WINDOW_BYTES` once a call has returned, however long the answer is.

use crate::tokens::Encoding;

/// Text kept per choice before its front is counted and let go.
const WINDOW_BYTES: usize = 4 * 1024;

/// Choices told apart; the dialect's `n` is at most 128. Further ones share the last one's place.
const MAX_CHOICES: usize = 128;

#[derive(Debug)]
struct Choice {
    index: u64,
    is_finished: bool,
    /// What has not been counted yet.
    window: String,
    /// Tokens of what was before the window.
    counted: u64,
}

/// All choices of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    encoding: &'static Encoding,
    choices: Vec<Choice>,
}

impl Answer {
    /// Of which text that leaves the window is counted in `encoding`.
    pub(super) fn new(encoding: &'static Encoding) -> Self {
        Self { encoding, choices: Vec::new() }
    }

    /// Every choice that was seen has ended, and there was one.
    pub(super) fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.is_finished)
    }

    /// A choice was seen, perhaps at its end.
    pub(super) fn seen(&mut self, index: u64, finished: bool) {
        self.choice(index).is_finished |= finished;
    }

    /// `text` was said.
    pub(super) fn say(&mut self, index: u64, text: &str) {
        let encoding = self.encoding;
        let choice = self.choice(index);
        choice.window.push_str(text);
        if choice.window.len() > WINDOW_BYTES {
            choice.release(encoding);
        }
    }

    /// Tokens of all text, each choice's taken as one.
    ///
    /// Exact in the encoding given to [`Answer::new`] when every 2 KiB of the text have a place where all encodings
    /// break it (a Latin letter or a Chinese character before white space or Chinese punctuation); else a token or two
    /// over for each 4 KiB. In another encoding, what has left the window stays counted in the first.
    pub(super) fn tokens(&self, encoding: &Encoding) -> u64 {
        self.choices.iter().map(|choice| choice.counted + tokens(encoding, &choice.window)).sum()
    }

    /// Bytes of text in the windows.
    pub(super) fn uncounted_bytes(&self) -> usize {
        self.choices.iter().map(|choice| choice.window.len()).sum()
    }

    fn choice(&mut self, index: u64) -> &mut Choice {
        let known = self.choices.iter().position(|choice| choice.index == index);
        let place = known.unwrap_or(self.choices.len()).min(MAX_CHOICES - 1);
        if place == self.choices.len() {
            self.choices.push(Choice { index, is_finished: false, window: String::new(), counted: 0 });
        }
        &mut self.choices[place]
    }
}

impl Choice {
    fn release(&mut self, encoding: &Encoding) {
        let front = break_in(&self.window);
        self.counted += tokens(encoding, &self.window[..front]);
        self.window.drain(..front);
        self.window.shrink_to(2 * WINDOW_BYTES);
    }
}

fn tokens(encoding: &Encoding, text: &str) -> u64 {
    encoding.count(text) as u64
}

/// The last place at which no token of any encoding spans; the end, when there is none in the later half.
///
/// The encodings first split a text by a pattern in which letters never stand before white space or punctuation, and
/// which looks only forward, so that what follows such a place is split as if the text began there.
fn break_in(text: &str) -> usize {
    let mut earliest = text.len() / 2;
    while !text.is_char_boundary(earliest) {
        earliest += 1;
    }
    let mut after = None;
    for (at, here) in text[earliest..].char_indices().rev() {
        if after.is_some_and(ends_word) && is_letter(here) {
            return earliest + at + here.len_utf8();
        }
        after = Some(here);
    }
    text.len()
}

fn ends_word(character: char) -> bool {
    matches!(character, ' ' | '\n' | '、' | '。' | '，')
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || matches!(character, '\u{4E00}'..='\u{9FFF}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokens::encoding;

    #[test]
    fn breaks_before_what_ends_the_last_word() {
        assert_eq!(break_in("one two three"), "one two".len());
        assert_eq!(break_in("one\n2"), "one".len());
        assert_eq!(break_in("我们去我们去，好"), "我们去我们去".len());
        assert_eq!(break_in("one two333333333333"), "one two333333333333".len());
    }

    proptest! {
        #[test]
        fn no_token_spans_the_break(text in "[a-zA-Z0-9 \n\t'/,，。、中文é\u{301}👋-]{0,60}", name in "o200k_base|cl100k_base") {
            let encoding = encoding(&name).unwrap();
            let place = break_in(&text);
            let (front, back) = text.split_at(place);
            prop_assert_eq!(tokens(encoding, front) + tokens(encoding, back), tokens(encoding, &text));
        }
    }
}
