//! The parts against what they stand for: the split rules as regular expressions, byte pair encoding by definition.

use std::{collections::HashMap, sync::LazyLock};

use fancy_regex::Regex;
use proptest::prelude::*;
use tiktoken_rs::CoreBPE;

use super::{
    Encoding, encoding,
    split::{Cl100k, O200k, Rules},
};

const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const CL100K: &str = concat!(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|",
    r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
);

/// An encoding, its rank of each token, and the rules it splits by.
struct Reference {
    encoding: &'static Encoding,
    ranks: HashMap<Vec<u8>, u32>,
    /// Tokens that are longer than most, and so reach far into a window.
    long_tokens: Vec<Vec<u8>>,
    pattern: Regex,
    split: fn(&str) -> Vec<&str>,
}

static REFERENCES: LazyLock<Option<[Reference; 2]>> = LazyLock::new(|| {
    Some([
        Reference::new("o200k_base", tiktoken_rs::o200k_base_singleton(), O200K, pieces::<O200k>)?,
        Reference::new("cl100k_base", tiktoken_rs::cl100k_base_singleton(), CL100K, pieces::<Cl100k>)?,
    ])
});

fn references() -> impl Iterator<Item = &'static Reference> {
    let known = REFERENCES.as_ref();
    assert!(known.is_some());
    known.into_iter().flatten()
}

/// The pieces, as the counting loop finds them.
fn pieces<R: Rules>(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let bytes = text.as_bytes();
        let end = match R::ascii_word(bytes, at, super::load(bytes, at)) {
            0 => R::piece_end(bytes, at),
            len => {
                assert_eq!(at + len, R::piece_end(bytes, at), "the short cut at {at} of {text:?}");
                at + len
            }
        };
        assert!(end > at, "an empty piece at {at} of {text:?}");
        found.push(&text[at..end]);
        at = end;
    }
    found
}

impl Reference {
    fn new(name: &str, known: &CoreBPE, pattern: &str, split: fn(&str) -> Vec<&str>) -> Option<Self> {
        let tokens = (0..300_000).map_while(|id| known.decode_bytes(&[id]).ok());
        let ranks: HashMap<Vec<u8>, u32> = tokens.zip(0..).collect();
        let mut long_tokens: Vec<Vec<u8>> = ranks.keys().filter(|token| token.len() > 24).cloned().collect();
        long_tokens.sort_unstable();
        Some(Self {
            encoding: encoding(name)?,
            ranks,
            long_tokens,
            pattern: Regex::new(pattern).ok()?,
            split,
        })
    }

    /// The number of tokens of a piece: merge the lowest rank, the leftmost of equals, until nothing merges.
    fn encoded(&self, piece: &[u8]) -> usize {
        let mut starts: Vec<usize> = (0..=piece.len()).collect();
        let rank = |starts: &[usize], at: usize| {
            let (start, end) = (starts.get(at)?, starts.get(at + 2)?);
            self.ranks.get(&piece[*start..*end]).copied()
        };
        let mut ranks: Vec<Option<u32>> = (0..piece.len()).map(|at| rank(&starts, at)).collect();
        while let Some((_, at)) = ranks.iter().zip(0..).filter_map(|(rank, at)| Some(((*rank)?, at))).min() {
            starts.remove(at + 1);
            ranks.remove(at + 1);
            ranks[at] = rank(&starts, at);
            if at > 0 {
                ranks[at - 1] = rank(&starts, at - 1);
            }
        }
        ranks.len()
    }
}

/// Characters of every class, and those that a rule names.
fn tricky_char() -> impl Strategy<Value = char> {
    prop_oneof![
        8 => prop::sample::select(" \t\n\r\u{b}\u{a0}\u{2003}\u{3000}\u{85}\u{2028}".chars().collect::<Vec<_>>()),
        8 => prop::sample::select("abelvrstmdABELVRSTMDſé".chars().collect::<Vec<_>>()),
        4 => prop::sample::select("'''’/.,!$-_\"".chars().collect::<Vec<_>>()),
        3 => prop::sample::select("0129²½Ⅷ٣".chars().collect::<Vec<_>>()),
        4 => prop::sample::select("\u{301}\u{93f}\u{200d}\u{fe0f}ʰªǅʼⓐ".chars().collect::<Vec<_>>()),
        4 => prop::sample::select("中文的是，。ไทยकिहन्한국ありがとうアー😀👩🏽🇩".chars().collect::<Vec<_>>()),
        2 => any::<char>(),
    ]
}

fn tricky_text() -> impl Strategy<Value = String> {
    prop::collection::vec(tricky_char(), 0..40).prop_map(String::from_iter)
}

/// Long pieces, with structure and without.
fn long_bytes() -> impl Strategy<Value = Vec<u8>> {
    let unit = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..20),
        prop::collection::vec(prop::sample::select(b" ab-=\n".to_vec()), 1..90),
        prop::collection::vec(b'a'..=b'z', 1..400),
        tricky_text().prop_map(String::into_bytes),
    ];
    let repeated = (unit, 1..60_usize).prop_map(|(unit, times)| unit.repeat(times));
    prop::collection::vec(repeated, 1..4).prop_map(|units| {
        let mut all = units.concat();
        all.truncate(500);
        all
    })
}

proptest! {
    #[test]
    fn splits_as_the_regular_expression(text in tricky_text()) {
        for reference in references() {
            let expected: Result<Vec<&str>, _> =
                reference.pattern.find_iter(&text).map(|found| found.map(|piece| piece.as_str())).collect();
            prop_assert_eq!(Some((reference.split)(&text)), expected.ok(), "{}", reference.encoding.name());
        }
    }

    #[test]
    fn pieces_are_the_text(text in any::<String>()) {
        for reference in references() {
            prop_assert_eq!((reference.split)(&text).concat(), text.clone());
        }
    }

    #[test]
    fn merges_by_definition(piece in long_bytes()) {
        for reference in references() {
            let expected = reference.encoded(&piece);
            prop_assert_eq!(reference.encoding.vocabulary.merged(&piece), expected, "{}", reference.encoding.name());
        }
    }

    #[test]
    fn merges_of_long_tokens_by_definition(choices in prop::collection::vec((any::<prop::sample::Index>(), 1..90_usize), 1..8)) {
        for reference in references() {
            let piece: Vec<u8> =
                choices.iter().flat_map(|(choice, len)| choice.get(&reference.long_tokens).iter().take(*len)).copied().collect();
            let merged = reference.encoding.vocabulary.merged(&piece);
            prop_assert_eq!(merged, reference.encoded(&piece), "{} {:?}", reference.encoding.name(), piece);
        }
    }

    #[test]
    fn merges_bytes_by_definition(piece in prop::collection::vec(any::<u8>(), 0..100)) {
        for reference in references() {
            prop_assert_eq!(reference.encoding.vocabulary.merged(&piece), reference.encoded(&piece));
        }
    }

    #[test]
    fn segments_are_as_good_as_the_whole(piece in tricky_text()) {
        prop_assume!(!piece.is_empty());
        for reference in references() {
            let vocabulary = &reference.encoding.vocabulary;
            prop_assert_eq!(vocabulary.count_piece(piece.as_bytes()), reference.encoded(piece.as_bytes()));
        }
    }
}

#[test]
fn knows_each_token_and_nothing_else() {
    for reference in references() {
        let vocabulary = &reference.encoding.vocabulary;
        for token in reference.ranks.keys() {
            assert!(vocabulary.has(token), "{token:?}");
            assert_eq!(vocabulary.merged(token), 1, "{token:?}");
            let longer = [token.as_slice(), b"\x01"].concat();
            assert_eq!(vocabulary.has(&longer), reference.ranks.contains_key(&longer), "{longer:?}");
            let shorter = &token[1..];
            assert!(shorter.is_empty() || vocabulary.has(shorter) == reference.ranks.contains_key(shorter));
        }
    }
}

#[test]
fn windows_join_whatever_their_tokens_are() {
    // Tokens longer than a window, shorter than one, and periods that fall anywhere in it.
    for unit in [" ", "-", "=", "a", "ab", "abc", " -", "\u{3000}", "的", "- ", "=-", "etaoinshrdlu"] {
        for len in [62, 63, 64, 65, 127, 130, 257, 600] {
            let piece = unit.repeat(len).into_bytes();
            let piece = &piece[..len];
            for reference in references() {
                assert_eq!(
                    reference.encoding.vocabulary.merged(piece),
                    reference.encoded(piece),
                    "{unit} {len}"
                );
            }
        }
    }
}
