"""Traces: a good one goes on, anything else begins anew, and the upstream always gets a valid header."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.telemetry import Traces

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-03", "01"),
        (f"00-{TRACE}-{SPAN}-fe", "00"),
        (f"cc-{TRACE}-{SPAN}-01", "01"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", "01"),
        (f"00-{TRACE}-{SPAN}-01".encode(), "01"),
    ],
)
def test_a_good_trace_goes_on_with_a_span_of_ours(header: str | bytes, flags: str) -> None:
    trace_id, upstream = Traces().continue_trace(header)
    assert trace_id == TRACE
    assert upstream.startswith(f"00-{TRACE}-")
    assert upstream.endswith(f"-{flags}")
    assert SPAN not in upstream
    assert VALID.fullmatch(upstream)


@pytest.mark.parametrize(
    "header",
    [
        None, "", b"", "00", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-01-more", f"00-{TRACE}-{SPAN}-01-",
        f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE[:-1]}g-{SPAN}-01", f"00-{TRACE}-{SPAN}-1",
        f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n", f"cc-{TRACE}-{SPAN}-01-\r\nx: y", f"00_{TRACE}_{SPAN}_01",
        b"\xff\xfe", "\u0660\u0660-" + TRACE + f"-{SPAN}-01", "0" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_begins_anew(header: str | bytes | None) -> None:
    trace_id, upstream = Traces().continue_trace(header)
    assert trace_id != TRACE
    assert VALID.fullmatch(upstream)
    assert upstream.split("-")[1] == trace_id
    assert upstream.endswith("-01")


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80), st.text("0123456789abcdef-", min_size=50, max_size=60)))
def test_the_upstream_always_gets_a_valid_header(header: str | bytes) -> None:
    trace_id, upstream = Traces().continue_trace(header)
    assert VALID.fullmatch(upstream)
    assert upstream.split("-")[1] == trace_id


def test_ids_do_not_repeat() -> None:
    traces = Traces()
    headers = [traces.continue_trace(None)[1] for _ in range(2_000)]
    assert (
        len({header.split("-")[1] for header in headers}) == len({header.split("-")[2] for header in headers}) == 2_000
    )


def test_ids_of_zeros_are_not_drawn() -> None:
    drawn = iter([bytes(24 * 100) + b"\x01" * (24 * 156), b"\x02" * 24 * 256])
    traces = Traces(lambda size: next(drawn)[:size])
    assert traces.continue_trace(None)[1] == f"00-{'01' * 16}-{'01' * 8}-01"


FORKING = """
import os
from aigate.telemetry import Traces
traces = Traces()
traces.continue_trace(None)
child = os.fork()
os.write(1, "".join(traces.continue_trace(None)[1] + "\\n" for _ in range(50)).encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_child_draws_other_ids() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 100
