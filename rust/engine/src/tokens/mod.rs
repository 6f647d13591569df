//! Counting tokens as tiktoken does, several times faster, with no memory of its own.
//!
//! Owns the counts of plain text in `o200k_base` and `cl100k_base` (special tokens in a text are ordinary text, as with
//! `encode_ordinary`), of chat requests, and the memory of counts made before. Does not own which model uses which
//! encoding. Invariant: the count of a text equals the length of tiktoken's encoding, whatever the text, in time that
//! is linear in its length.
//!
//! A text goes through `split` (pieces that are encoded on their own), `vocabulary` (most pieces are a token),
//! `segment` (long pieces of scripts without spaces are cut further) and `merge` (byte pair encoding of the rest).

mod chat;
mod classes;
mod layout;
mod memo;
mod merge;
mod segment;
mod split;
mod tools;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::fmt;

use layout::{MIDDLE_BYTES, SHORT_BYTES, middle_key, short_key};
use memo::Kind;
use split::{Cl100k, O200k, Rules};
use vocabulary::{Aligned, Vocabulary, load, vocabulary};

pub use chat::{count_chat, count_prompt};
pub use memo::MessageMemo;

/// An encoding: how text is split, and the tokens the pieces are made of.
pub struct Encoding {
    name: &'static str,
    split: Split,
    vocabulary: Vocabulary,
}

#[derive(Clone, Copy)]
enum Split {
    O200k,
    Cl100k,
}

static ENCODINGS: [Encoding; 2] = [
    Encoding { name: "o200k_base", split: Split::O200k, vocabulary: vocabulary!("o200k_base") },
    Encoding { name: "cl100k_base", split: Split::Cl100k, vocabulary: vocabulary!("cl100k_base") },
];

/// The encoding of that name, if it is known.
pub fn encoding(name: &str) -> Option<&'static Encoding> {
    ENCODINGS.iter().find(|encoding| encoding.name == name)
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoding").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Encoding {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The number of tokens of `text`.
    pub fn count(&self, text: &str) -> usize {
        match self.split {
            Split::O200k => self.count_by::<O200k>(text.as_bytes()),
            Split::Cl100k => self.count_by::<Cl100k>(text.as_bytes()),
        }
    }

    /// As [`count`](Self::count), for a text that is likely to come again: looked up in the process's [`MessageMemo`].
    pub fn count_message(&self, text: &str) -> usize {
        MessageMemo::shared().count(Kind(self.split as u64), text, || self.count(text))
    }

    /// The number of tokens that a tool definition, given as JSON text, adds to a prompt. Remembered as messages are.
    fn count_definition(&self, json: &str) -> usize {
        let (kind, init) = match self.split {
            Split::O200k => (Kind(2), 7),
            Split::Cl100k => (Kind(3), 10),
        };
        MessageMemo::shared().count(kind, json, || tools::definition(self, init, json))
    }

    /// Bring the tables into memory, so that the first count does not wait for the disk.
    pub fn warm(&self) {
        self.vocabulary.touch();
    }

    fn count_by<R: Rules>(&self, text: &[u8]) -> usize {
        let mut count = 0;
        let mut at = 0;
        while at < text.len() {
            let window = load(text, at);
            let len = R::ascii_word(text, at, window);
            if len > 0 {
                count += self.count_word(&text[at..at + len], window);
                at += len;
            } else {
                let end = R::piece_end(text, at);
                count += self.vocabulary.count_piece(&text[at..end]);
                at = end;
            }
        }
        count
    }

    /// The tokens of a word that starts with the bytes of `window`.
    #[inline]
    fn count_word(&self, word: &[u8], window: u64) -> usize {
        let known = match word.len() {
            len @ 0..=SHORT_BYTES => self.vocabulary.has_short(short_key(window, len)),
            len @ 0..=MIDDLE_BYTES => {
                self.vocabulary.has_middle(middle_key(window, load(word, len - 8), len))
            }
            _ => self.vocabulary.has(word),
        };
        if known { 1 } else { self.vocabulary.merged(word) }
    }
}
