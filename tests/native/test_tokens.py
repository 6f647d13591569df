"""Counts equal the length of what tiktoken itself encodes, for any text."""

# ruff: noqa: RUF001 -- letters that look alike are what is tested

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate._native import count_tokens, warm_tokenizer
from tests.native.tiktoken_offline import ENCODINGS, tiktoken_encoding
from tests.upstreams.recorded import FOLDER

encodings = pytest.mark.parametrize("name", ENCODINGS)

# What the split rules tell apart, and where they look ahead or back.
SNIPPETS = (
    "a", "Word", " word", "HTTPServer", "camelCase", "don't", "DON'T", "'S", "'ſ", "it's", "’s", "naïve", "ÉCOLE", "ß",
    "1", "12345", "²", "½", "٣", " ", "  ", "\t", "\n", "\r\n", "\n\n  ", "\u00a0", "\u3000", "\u2028", "\u0085",
    ".", ",", "...", "/", "//\n", "!?", "->", "#!/", "(\n", "\x00", "\x1f", "\ufeff", "<|endoftext|>",
    "中文", "，", "你好。", "ありがとう", "アー", "한국어", "ไทย", "हिन्दी", "русский", "العربية",
    "😀", "👩🏽\u200d🚀", "🇩🇪", "\u200d", "\ufe0f", "\u0301", "ǅ", "ʰ", "Ⓐ",
    "-" * 40, "=" * 70, " " * 90, "a" * 130,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _ranks() -> None:
    try:
        tiktoken_encoding(ENCODINGS[0])
    except (OSError, subprocess.CalledProcessError) as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"tiktoken's ranks are not here: {missing}")


def assert_same(text: str) -> None:
    for name in ENCODINGS:
        assert count_tokens(text, name) == len(tiktoken_encoding(name).encode_ordinary(text)), name


@encodings
def test_every_character(name: str) -> None:
    theirs = tiktoken_encoding(name)
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    for at in range(0, len(characters), 256):
        text = "".join(f"a{c}B {c}1{c}{c}\n" for c in characters[at : at + 256])
        assert count_tokens(text, name) == len(theirs.encode_ordinary(text)), hex(ord(characters[at]))


@given(st.text())
def test_any_text(text: str) -> None:
    assert_same(text)


@given(st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=4), max_size=40))
def test_snippets_side_by_side(parts: list[str]) -> None:
    assert_same("".join(parts))


@given(st.lists(st.text("abcdeTR'_. 1é中", min_size=1, max_size=60), max_size=6))
def test_words_of_few_letters(parts: list[str]) -> None:
    assert_same("".join(parts))


def test_recorded_exchanges() -> None:
    files = sorted(FOLDER.rglob("*.json"))
    assert files
    for file in files:
        assert_same(file.read_text("utf-8"))


@pytest.mark.parametrize("unit", ["a", "ab", " ", "\n", "-", "\u200b", "😀", "的", "\u0301", "aA", "ภาษา", "'"])
def test_long_runs(unit: str) -> None:
    assert_same(unit * (30_000 // len(unit)))


def test_long_runs_without_structure() -> None:
    choose = random.Random(1)
    for alphabet in ("ab", "abcdefghijklmnopqrstuvwxyz", "-=_ \n", "的一是不了在人有我他", "абвгде"):
        assert_same("".join(choose.choices(alphabet, k=30_000)))


@pytest.mark.parametrize("text", ["\ud800", "a\udc00b", "\ud83d\ude00", "é\ud800" * 9_000])
def test_surrogates_are_taken_as_tiktoken_takes_them(text: str) -> None:
    assert_same(text)


@encodings
def test_large_texts_from_many_threads(name: str) -> None:
    text = "One count is like another, in any thread. " * 1_000
    expected = len(tiktoken_encoding(name).encode_ordinary(text))
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(count_tokens, [text] * 32, [name] * 32)) == {expected}


@encodings
def test_warming_changes_nothing(name: str) -> None:
    assert warm_tokenizer(name) is None
    assert count_tokens("hello world", name) == 2


@pytest.mark.parametrize("name", ["", "gpt-4o", "o200k", "O200K_BASE", "o200k_base\0"])
def test_unknown_encodings(name: str) -> None:
    with pytest.raises(ValueError, match="unknown encoding"):
        count_tokens("text", name)
    with pytest.raises(ValueError, match="unknown encoding"):
        warm_tokenizer(name)


def test_arguments_are_strings() -> None:
    for arguments in ((b"text", "o200k_base"), (None, "o200k_base"), ("text", None)):
        with pytest.raises(TypeError):
            count_tokens(*arguments)
