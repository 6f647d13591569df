//! Whole counts against tiktoken's own algorithm and ranks, as `tiktoken-rs` carries them.
#![allow(clippy::unwrap_used)]

use aigate_engine::tokens::{Encoding, encoding};
use proptest::prelude::*;
use tiktoken_rs::CoreBPE;

fn encodings() -> [(&'static Encoding, &'static CoreBPE); 2] {
    [
        (encoding("o200k_base").unwrap(), tiktoken_rs::o200k_base_singleton()),
        (encoding("cl100k_base").unwrap(), tiktoken_rs::cl100k_base_singleton()),
    ]
}

fn assert_same(text: &str) {
    for (ours, theirs) in encodings() {
        let expected = theirs.encode_ordinary(text).len();
        assert_eq!(ours.count(text), expected, "{} of {text:?}", ours.name());
    }
}

#[test]
fn known_counts() {
    let [(o200k, _), (cl100k, _)] = encodings();
    for (text, of_o200k, of_cl100k) in [
        ("", 0, 0),
        ("a", 1, 1),
        ("hello world", 2, 2),
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 8, 9),
    ] {
        assert_eq!((o200k.count(text), cl100k.count(text)), (of_o200k, of_cl100k), "{text}");
    }
}

#[test]
fn unknown_names_are_none() {
    for name in ["", "o200k", "gpt-4o", "O200K_BASE", "o200k_base "] {
        assert!(encoding(name).is_none());
    }
}

#[test]
fn special_tokens_are_ordinary_text() {
    for text in ["<|endoftext|>", "a<|endofprompt|>b", "<|fim_prefix|>", "<|im_start|>system"] {
        assert_same(text);
        assert!(encodings().iter().all(|(ours, _)| ours.count(text) > 1));
    }
}

#[test]
fn a_long_run_is_counted_as_tiktoken_does() {
    for unit in [
        "a",
        "ab",
        " ",
        "\n",
        " \n",
        "-",
        "\u{200b}",
        "😀",
        "的",
        "\u{301}",
        "'",
        "aA",
        "0",
        "\u{3000}",
        "ภาษา",
    ] {
        assert_same(&unit.repeat(20_000 / unit.len()));
        assert_same(&format!("x{}y", unit.repeat(3_000 / unit.len())));
    }
}

#[test]
fn a_remembered_count_is_the_same() {
    for (ours, _) in encodings() {
        for len in [0, 10, 63, 64, 1_000, 70_000] {
            let text = "Some words, and more. ".repeat(len / 22 + 1);
            assert_eq!(ours.count_message(&text), ours.count(&text));
            assert_eq!(ours.count_message(&text), ours.count(&text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text(text in any::<String>()) {
        assert_same(&text);
    }

    #[test]
    fn words_and_signs(words in prop::collection::vec("[ \n'./_(-]{0,3}[A-Za-z]{0,20}[0-9]{0,4}", 0..30)) {
        assert_same(&words.concat());
    }

    #[test]
    fn scripts(words in prop::collection::vec("[\\p{Han}\\p{Hiragana}\\p{Thai}\\p{Cyrillic}\\p{Arabic} ，。a-z]{1,30}", 0..4)) {
        assert_same(&words.concat());
    }
}
