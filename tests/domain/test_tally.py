"""The tally: an intent and an outcome an attempt, costs and times over all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.domain import Price, Secret, Usage
from aigate.errors import ClientGone, InvalidApiKey, UpstreamTimeout
from tests import stories


def test_an_attempt_is_written_twice_under_one_id() -> None:
    tally = stories.tally()
    intent = tally.open(stories.target(), 7)
    assert (intent.kind, intent.input_tokens, intent.usage_source, intent.cost_nano_usd) == (
        "intent",
        7,
        "counted",
        17_500,
    )
    tally.usage = Usage(fresh=3, output=5)
    tally.succeeded()
    outcome = tally.close()
    assert (outcome.kind, outcome.id, outcome.outcome, outcome.status) == ("outcome", "req-1", "ok", 200)
    assert (outcome.input_tokens, outcome.output_tokens, outcome.usage_source) == (3, 5, "provider")


def test_a_request_that_names_itself_does_not_name_its_attempt() -> None:
    tally = stories.tally()
    tally.name("theirs")
    receipt = tally.open(stories.target(), 7)
    assert (receipt.request_id, receipt.id) == ("theirs", "attempt-1")


def test_a_refusal_has_no_attempt() -> None:
    tally = stories.tally()
    tally.failed(InvalidApiKey("no"))
    receipt = tally.close()
    assert (receipt.kind, receipt.outcome, receipt.attempt, receipt.status) == ("refusal", "refused", 0, 401)


def test_cost_and_waiting_add_up_over_attempts_and_the_gateways_time_is_the_rest() -> None:
    clock = stories.Clock()
    tally = stories.tally(clock)
    clock.pass_ms(1)
    for waited in (3000, 5):
        tally.open(stories.target(), 7)
        clock.pass_ms(waited)
        tally.upstream_done()
        tally.failed(UpstreamTimeout("late"))
        last = tally.close()
    assert (last.attempt, last.upstream_ms, last.gateway_us) == (2, 5.0, 1000)
    assert tally.spent_nano_usd == 2 * 17_500
    assert tally.times_us() == (1000, 3_005_000)


def test_outcomes() -> None:
    def ended(*, content: bool, gone: bool) -> str:
        tally = stories.tally()
        tally.open(stories.target(), 7)
        if content:
            tally.content()
        tally.failed(ClientGone("bye") if gone else UpstreamTimeout("late"))
        return tally.close().outcome

    assert ended(content=False, gone=False) == "failed"
    assert ended(content=True, gone=False) == "interrupted"
    assert ended(content=False, gone=True) == ended(content=True, gone=True) == "cancelled"


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_cost_is_rounded_up_once(fresh: int, output: int, price_in: int, price_out: int) -> None:
    """cost = ceil((fresh * in + output * out) / 1e6), in integers."""
    exact = fresh * price_in + output * price_out
    cost = Price(price_in, price_out).cost(Usage(fresh=fresh, output=output))
    assert 0 <= cost * 10**6 - exact < 10**6


@given(*[st.integers(0, 10**6)] * 4)
def test_usage_adds_and_its_input_is_the_sum_of_its_parts(fresh: int, read: int, write: int, output: int) -> None:
    usage = Usage(fresh, read, write, output)
    assert usage.input_tokens == fresh + read + write
    assert usage + Usage() == usage
    assert (usage + usage).input_tokens == 2 * usage.input_tokens


def test_a_secret_is_never_shown() -> None:
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {secret!s} {[secret]} {secret:>20}"
    assert secret.reveal() == "canary"
    with pytest.raises(TypeError):
        secret.__reduce__()
