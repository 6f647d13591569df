"""The litellm package as a client, unchanged: `model="openai/…"` with api_base and api_key set."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.clients.install import HERE, litellm_python
from tests.gateway import Gateway

EXPECTED: dict[str, Any] = {
    "plain, offline": ["You said: Hello", True],
    "plain, provider": ["Hello from upstream", True],
    "stream": ["You said: Hello", True],
    "asynchronous": "You said: Hello",
    "parallel tools": [["get_weather", {"city": "Oslo"}], ["get_weather", {"city": "Rome"}]],
    "JSON schema": {"n": 3},
    "wrong key": ["AuthenticationError", 401],
    "unknown model": ["NotFoundError", 404],
}


@pytest.mark.timeout(900)  # a first run installs the package; importing it alone takes seconds, so it is done once
def test_every_capability(gateway: Gateway) -> None:
    done = subprocess.run(
        [litellm_python(), HERE / "litellm" / "drive.py"],
        env={
            "PATH": os.environ["PATH"],
            "BASE_URL": gateway.base_url,
            "API_KEY": gateway.key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == EXPECTED
