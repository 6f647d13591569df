"""OpenAI's chat dialect as callers speak it."""

from __future__ import annotations

import json

import pytest

from aigate.dialects import chat
from aigate.domain import Request, Wishes
from aigate.errors import GatewayError, InvalidRequest, Overloaded, UpstreamTimeout
from tests import stories


def body(**fields: object) -> bytes:
    return json.dumps({"model": "assistant", "messages": [{"role": "user", "content": "Hi"}], **fields}).encode()


def read(raw: bytes, wishes: Wishes | None = None, **key: object) -> Request:
    return chat.read_chat(raw, wishes or Wishes(), stories.principal(**key))


def test_a_request_is_what_the_body_and_the_head_ask() -> None:
    request = read(
        body(stream=True, stream_options={"include_usage": True}, user="ann", metadata={"segment": "beta"}),
        Wishes((("feature", "checkout"),), False, 500, "00-parent"),
    )
    assert (request.model, request.stream, request.usage_wanted, request.user) == ("assistant", True, True, "ann")
    assert (request.fallback, request.timeout_ms, request.traceparent) == (False, 500, "00-parent")
    assert request.tags == {"segment": "beta", "feature": "checkout"}


def test_the_keys_own_tags_win_over_the_heads_and_the_heads_over_the_bodys() -> None:
    request = read(body(metadata={"a": "body", "b": "body", "c": "body"}), Wishes((("b", "head"), ("c", "head"))),
                   tags=(("c", "key"),))  # fmt: skip
    assert request.tags == {"a": "body", "b": "head", "c": "key"}


def test_a_key_can_require_and_forbid_tags() -> None:
    with pytest.raises(InvalidRequest, match="requires it"):
        read(body(), require_tags=("feature",))
    with pytest.raises(InvalidRequest, match="may not set it"):
        read(body(metadata={"team": "x"}), forbid_tags=("team",))
    assert read(body(), tags=(("team", "key"),), forbid_tags=("team",)).tags == {"team": "key"}


@pytest.mark.parametrize("model", ["a\x00b", "a\r\nb", "\x7f", "a\u2028b"])
def test_a_model_that_cannot_be_shown_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(body(model=model))
    assert caught.value.param == "model"
    assert model not in caught.value.message


def test_a_missing_model_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="model: required"):
        read(b'{"messages": [{"role": "user", "content": "Hi"}]}')


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("x", param="n"), "invalid_request_error"),
        (Overloaded("x"), "api_error"),
        (UpstreamTimeout("x"), "api_error"),
    ],
)
def test_errors_have_openais_shape(error: GatewayError, kind: str) -> None:
    assert json.loads(chat.error_body(error))["error"] == {
        "message": "x",
        "type": kind,
        "param": error.param,
        "code": error.code,
    }
    assert chat.stream_error(error) == b"data: " + chat.error_body(error) + b"\n\n"


@pytest.mark.parametrize(
    ("nanos", "written"), [(0, "0"), (1, "0.000000001"), (67_500, "0.0000675"), (10**9, "1"), (12_340_000_000, "12.34")]
)
def test_dollars_are_exact(nanos: int, written: str) -> None:
    assert chat.usd(nanos) == written
    assert chat.cost_comment(nanos) == f": aigate cost={written}usd\n\n".encode()
