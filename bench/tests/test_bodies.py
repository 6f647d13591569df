import json
from pathlib import Path

import pytest

from bench.load.bodies import BODY_BYTES, DISTINCT_BODIES, MARK, write


@pytest.mark.parametrize("model", ["m", "bench-plain", "a-rather-long-model-name"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_body_has_the_size_the_figures_are_quoted_for(tmp_path: Path, model: str, stream: bool) -> None:
    lines = write(tmp_path, model, stream=stream, prompts="distinct").read_text().splitlines()
    assert len(set(lines)) == DISTINCT_BODIES
    for line in lines:
        assert len(line.encode()) == BODY_BYTES
        body = json.loads(line)
        assert body["model"] == model
        assert body.get("stream", False) is stream


def test_only_distinct_prompts_are_numbered(tmp_path: Path) -> None:
    (same,) = write(tmp_path, "m", stream=False, prompts="same").read_text().splitlines()
    assert MARK not in same
    distinct = write(tmp_path, "m", stream=False, prompts="distinct").read_text().splitlines()
    assert all(line.count(MARK) == 1 for line in distinct)


def test_streams_ask_for_usage_so_that_every_event_is_relayed(tmp_path: Path) -> None:
    (line,) = write(tmp_path, "m", stream=True, prompts="same").read_text().splitlines()
    assert json.loads(line)["stream_options"] == {"include_usage": True}
    # The mock looks for exactly this text.
    assert '"stream":true' in line


def test_bodies_are_the_same_in_every_run(tmp_path: Path) -> None:
    first = write(tmp_path, "m", stream=False, prompts="distinct").read_bytes()
    assert write(tmp_path, "m", stream=False, prompts="distinct").read_bytes() == first
