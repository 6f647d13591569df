"""openai for Node, unchanged: the same capabilities, driven by a small script in its own process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.clients.install import node_folder
from tests.gateway import Gateway
from tests.upstreams import FakeUpstream, play

pytestmark = pytest.mark.timeout(600)  # the first one installs the package


def drive(gateway: Gateway, capability: str, **env: str) -> Any:
    """What the script printed."""
    node = shutil.which("node")
    assert node is not None, "the tests need Node"
    done = subprocess.run(
        [node, "drive.mjs", capability],
        cwd=node_folder(),
        env={"PATH": os.environ["PATH"], "BASE_URL": gateway.base_url, "API_KEY": gateway.key, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_plain_and_several_choices(gateway: Gateway) -> None:
    assert drive(gateway, "plain") == ["You said: Hello", "I heard: Hello"]


@pytest.mark.parametrize(("model", "text"), [("echo", "You said: Hello"), ("fake-1", "Hello")])
def test_stream(gateway: Gateway, model: str, text: str) -> None:
    heard = drive(gateway, "stream", MODEL=model)
    assert (heard["text"], heard["finish"]) == (text, "stop")
    assert heard["total"] > 0


def test_the_sdk_assembles_text_and_log_probabilities(gateway: Gateway) -> None:
    assert drive(gateway, "assembled") == {"text": "You said: Hello", "tokens": "You said: Hello"}


def test_parallel_tools_streamed(gateway: Gateway) -> None:
    assert drive(gateway, "tools") == [["get_weather", "Oslo"], ["get_weather", "Rome"]]


def test_the_sdk_runs_the_tools_and_gets_the_answer(gateway: Gateway) -> None:
    assert drive(gateway, "run") == {
        "answer": "The tools answered: sunny in Oslo; sunny in Rome",
        "asked": ["Oslo", "Rome"],
    }


def test_json_schema(gateway: Gateway) -> None:
    assert drive(gateway, "schema") == {"n": 3}


def test_images(gateway: Gateway) -> None:
    assert drive(gateway, "images") == "You said: What is this? (with 1 image)"


def test_models(gateway: Gateway) -> None:
    assert {"echo", "fake-1"} <= set(drive(gateway, "models"))


@pytest.mark.parametrize(
    ("env", "name", "status", "code"),
    [
        ({"API_KEY": "aig_wrong"}, "AuthenticationError", 401, "invalid_api_key"),
        ({"MODEL": "ecco"}, "NotFoundError", 404, "model_not_found"),
        ({"MODEL": "refused-1"}, "InternalServerError", 502, "upstream_unreachable"),
    ],
)
def test_errors(gateway: Gateway, env: dict[str, str], name: str, status: int, code: str) -> None:
    heard = drive(gateway, "error", **env)
    assert (heard["name"], heard["status"], heard["code"]) == (name, status, code)


def test_a_stream_that_breaks(gateway: Gateway, upstream: FakeUpstream) -> None:
    answer = play.completion_stream("Hel", "lo")
    upstream.script(answer.cut_at(answer.ends()[1]))
    assert drive(gateway, "error", MODEL="fake-1")["code"] == "stream_interrupted"


def test_cancel(gateway: Gateway, upstream: FakeUpstream) -> None:
    answer = play.completion_stream("one ", "two ")
    upstream.script(answer.stalled_at(answer.ends()[1]))
    left = drive(gateway, "cancel", MODEL="fake-1")
    upstream.wait(lambda: upstream.seen[0].client_gone is not None)
    gone = upstream.seen[0].client_gone
    assert gone is not None
    assert gone - left < 0.2
