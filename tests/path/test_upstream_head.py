"""The provider gets a request built anew: its own credential, nothing of the caller's head but the trace."""

from __future__ import annotations

import re

from tests.conftest import UPSTREAM_KEY
from tests.gateway import Gateway
from tests.path.raw import ask, chat_body
from tests.upstreams import FakeUpstream

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OF_THE_CALLER = {
    "cookie": "session=secret",
    "x-forwarded-for": "10.0.0.7",
    "forwarded": "for=10.0.0.7",
    "x-custom": "anything",
    "openai-organization": "org-of-the-caller",
    "connection": "keep-alive, x-custom",
    "te": "trailers",
    "x-aigate-tags": "feature=checkout",
    "x-request-id": "callers-own-id",
    "user-agent": "callers-own-agent",
    "traceparent": TRACE,
}
SENT = {"host", "content-length", "content-type", "authorization", "user-agent", "traceparent"}
ALLOWED = SENT | {"accept", "accept-encoding", "connection"}


def test_only_what_belongs_there(gateway: Gateway, upstream: FakeUpstream) -> None:
    assert ask(gateway, chat_body(), OF_THE_CALLER).status == 200
    seen = upstream.seen[0]
    names = [name for name, _ in seen.headers]
    assert len(names) == len(set(names))
    assert set(names) >= SENT
    assert set(names) <= ALLOWED
    assert seen.header("authorization") == f"Bearer {UPSTREAM_KEY}"
    assert seen.header("host") == upstream.base_url.split("/")[2]
    assert seen.header("accept-encoding") in {None, "identity"}
    values = " ".join(value for _, value in seen.headers)
    assert not any(word in values for word in ("secret", "caller", "10.0.0.7", "checkout", "anything", gateway.key))


def test_the_trace_goes_on(gateway: Gateway, upstream: FakeUpstream) -> None:
    """The same trace, a span of ours as the parent; a trace of our own when the caller has none or a broken one."""
    for shown in (TRACE, None, "00-zz-zz-01"):
        ask(gateway, chat_body(), {"traceparent": shown} if shown else {})
    continued, begun, instead = (seen.header("traceparent") or "" for seen in upstream.seen)
    assert continued.split("-")[1] == TRACE.split("-")[1]
    assert continued.split("-")[2] != TRACE.split("-")[2]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", one) for one in (continued, begun, instead))
    assert gateway.row_of(ask(gateway, chat_body(), {"traceparent": TRACE}).request_id)["trace_id"] == TRACE[3:35]


def test_connections_are_kept(gateway: Gateway, upstream: FakeUpstream) -> None:
    for _ in range(3):
        assert ask(gateway, chat_body()).status == 200
    assert len({seen.connection for seen in upstream.seen}) == 1
