"""The page about the policy file is the schema's own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from aigate.config import written
from aigate.config.reference import _docs, _sections, main, reference
from aigate.config.written import Written
from tests.config.policies import load

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policy.md"
SECTIONS = [of for _, of in _sections(("",), Written, set())]


def test_the_committed_page_is_current(tmp_path: Path) -> None:
    assert PAGE.read_text() == reference(), "run `python -m aigate.config.reference docs/reference/policy.md`"
    main([str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text() == reference()


def test_every_mapping_of_the_schema_has_a_section() -> None:
    public = {of for name, of in vars(written).items() if name.startswith("Written")}
    assert set(SECTIONS) == public


@pytest.mark.parametrize("of", SECTIONS, ids=lambda of: of.__name__)
def test_every_field_is_documented(of: type) -> None:
    assert list(_docs(of)[1]) == [field.encode_name for field in msgspec.structs.fields(of)]


def test_the_example_holds() -> None:
    example = reference().split("```yaml\n")[1].split("```")[0]
    assert list(load(example, {"OPENAI_API_KEY": "x"}).snapshot.models) == ["gpt-4o"]
