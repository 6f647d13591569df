"""Folding: each intent leaves once, by its outcome or by its writer's death; what cannot be read is set aside."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aigate.ledger import GATEWAY_DIED
from aigate.ledger.attempts import OpenAttempts
from aigate.ledger.format import INTENT, OUTCOME, REFUSAL
from aigate.ledger.reader import Record
from tests.ledger.receipts import ids, intent, outcome, refusal

IDS = [next(ids(n)) for n in range(6)]
encode = msgspec.json.encode


def began(attempt_id: str) -> Record:
    return INTENT, encode(intent(attempt_id))


def ended(attempt_id: str) -> Record:
    return OUTCOME, encode(outcome(attempt_id))


def test_an_outcome_closes_its_intent() -> None:
    attempts = OpenAttempts()
    assert attempts.fold([began(IDS[0]), began(IDS[1])]) == ([], [], [])
    finished = attempts.fold([ended(IDS[0])])
    assert finished == ([outcome(IDS[0])], [ended(IDS[0])[1]], []), "with the worker's own bytes"
    assert [receipt.id for receipt in attempts.abandon().receipts] == [IDS[1]]
    assert len(attempts) == 0


def test_a_refusal_needs_no_intent() -> None:
    assert OpenAttempts().fold([(REFUSAL, encode(refusal(IDS[0])))]).receipts == [refusal(IDS[0])]


def test_what_a_dead_writer_leaves_open_is_unfinished() -> None:
    attempts = OpenAttempts()
    attempts.fold([(INTENT, encode(intent(IDS[0], output_tokens=9)))])
    (receipt,), (line,), unreadable = attempts.abandon()
    assert not unreadable
    assert (receipt.kind, receipt.outcome, receipt.error) == ("outcome", "unfinished", GATEWAY_DIED)
    assert (receipt.error_source, receipt.usage_source) == ("gateway", "counted")
    assert (receipt.input_tokens, receipt.output_tokens, receipt.cost_nano_usd) == (12, 0, 30_000)
    assert msgspec.json.decode(line, type=type(receipt)) == receipt


@given(st.permutations([(kind, n) for n in range(6) for kind in "io"]), st.integers(0, 12), st.integers(0, 12))
def test_any_order_with_a_restart_anywhere_gives_each_outcome_once(
    order: list[tuple[str, int]], cut: int, restart: int
) -> None:
    """Records cut off at `cut`, the folding begun anew from what was set aside at `restart`."""
    records = [began(IDS[n]) if kind == "i" else ended(IDS[n]) for kind, n in order][:cut]
    attempts = OpenAttempts()
    receipts = attempts.fold(records[:restart]).receipts
    attempts = OpenAttempts(attempts.intents)
    receipts += attempts.fold(records[restart:]).receipts
    closed = [receipt.id for receipt in receipts]
    left = [receipt.id for receipt in attempts.abandon().receipts]
    assert sorted(closed) == sorted(IDS[n] for kind, n in order[:cut] if kind == "o")
    # An outcome may come before its intent when a segment had to be written again; the sink lets the outcome win.
    places = {pair: place for place, pair in enumerate(order[:cut])}
    open_ = [n for n in range(6) if ("i", n) in places and places.get(("o", n), -1) < places["i", n]]
    assert sorted(left) == sorted(IDS[n] for n in open_)


def test_what_is_no_receipt_is_set_aside_without_quoting_it() -> None:
    attempts = OpenAttempts()
    bad = encode(outcome(IDS[0])).replace(b'"status":200', b'"status":"sk-secret"')
    finished = attempts.fold([(OUTCOME, bad), (OUTCOME, b"sk-secret"), (INTENT, b"[]"), ended(IDS[1])])
    assert finished.lines == [ended(IDS[1])[1]]
    assert finished.receipts == [outcome(IDS[1])]
    unreadable = finished.unreadable
    assert [body for body, _ in unreadable] == [bad, b"sk-secret", b"[]"]
    assert unreadable[0].reason == "ValidationError at $.status"
    assert "sk-secret" not in "".join(reason for _, reason in unreadable)


def test_an_intent_that_cannot_be_read_is_set_aside_at_its_writers_death() -> None:
    attempts = OpenAttempts()
    broken = encode(intent(IDS[0]))[:-3]
    assert attempts.fold([(INTENT, broken)]) == ([], [], [])
    finished = attempts.abandon()
    assert not finished.receipts
    assert [body for body, _ in finished.unreadable] == [broken]


def test_another_order_of_fields_is_understood() -> None:
    fields = msgspec.to_builtins(intent(IDS[0]))
    turned = encode(dict(reversed(fields.items())))
    attempts = OpenAttempts()
    attempts.fold([(INTENT, turned)])
    assert len(attempts) == 1
    attempts.fold([ended(IDS[0])])
    assert len(attempts) == 0
