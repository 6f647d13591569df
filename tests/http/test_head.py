"""Request heads: the server underneath is lenient, so this is where they are judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.errors import GatewayError, HeadTooLarge, HostInvalid, InvalidRequest, MediaTypeUnsupported
from aigate.http.head import MAX_HEADERS, read_head, require_json
from tests.http.asgi_client import scope


def with_host(*values: str) -> dict[str, object]:
    made = scope()
    made["headers"] = [(b"host", value.encode("latin-1")) for value in values]
    return made


@pytest.mark.parametrize(
    "host", ["a.test", "a.test:8080", "127.0.0.1:80", "[::1]:8080", "under_score.test", "localhost"]
)
def test_a_host_is_a_name_and_perhaps_a_port(host: str) -> None:
    assert read_head(with_host(host)).fields[b"host"] == host.encode()


@pytest.mark.parametrize("host", ["", "a/admin?", "a@b", "a b", "a:b", "a:999999", "http://a", "a\n", "é", "a,b"])
def test_anything_else_is_no_host(host: str) -> None:
    with pytest.raises(HostInvalid):
        read_head(with_host(host))


def test_a_missing_or_double_host_is_refused() -> None:
    with pytest.raises(HostInvalid):
        read_head(with_host())
    with pytest.raises(InvalidRequest):
        read_head(with_host("a.test", "b.test"))


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([("authorization", "Bearer aig_1")], b"aig_1"),
        ([("authorization", "bearer  aig_1 ")], b"aig_1"),
        ([("x-api-key", "aig_1")], b"aig_1"),
        ([("api-key", "aig_1")], b"aig_1"),
        ([("x-goog-api-key", " aig_1 ")], b"aig_1"),
        ([("authorization", "Basic abc")], b""),
        ([("authorization", "aig_1")], b""),
        ([], b""),
    ],
)
def test_one_credential_in_any_of_the_usual_places(headers: list[tuple[str, str]], key: bytes) -> None:
    assert read_head(scope(headers=headers)).credential == key


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer a"), ("x-api-key", "a")],
        [("api-key", "a"), ("x-goog-api-key", "b")],
        [("authorization", "Bearer a"), ("authorization", "Bearer b")],
    ],
)
def test_two_credentials_are_refused_without_being_repeated(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_head(scope(headers=headers))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "headers",
    [
        [("content-length", "5"), ("transfer-encoding", "chunked")],
        [("content-length", "5"), ("content-length", "6")],
        [("content-length", "-5")],
        [("content-length", "+5")],
        [("content-length", "5, 5")],
        [("content-length", "9" * 30)],
    ],
)
def test_a_body_is_framed_one_way(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest):
        read_head(scope(headers=headers))


def test_large_heads_are_refused_by_bytes_and_by_count() -> None:
    with pytest.raises(HeadTooLarge):
        read_head(scope(headers=[("x-big", "a" * 40_000)]))
    with pytest.raises(HeadTooLarge):
        read_head(scope(headers=[(f"x-{number}", "a") for number in range(MAX_HEADERS)]))
    with pytest.raises(HeadTooLarge):
        read_head(scope(path="/" + "a" * 40_000))


@pytest.mark.parametrize(("shown", "kept"), [("abc-123", "abc-123"), ("a b", ""), ("", ""), ("x" * 200, ""), ("é", "")])
def test_a_callers_request_id_is_kept_when_it_can_be_printed(shown: str, kept: str) -> None:
    assert read_head(scope(headers=[("x-request-id", shown)])).request_id == kept


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF8", ""]
)
def test_json_is_taken(kind: str) -> None:
    require_json({b"content-type": kind.encode()})


@pytest.mark.parametrize(
    "fields",
    [
        {b"content-type": b"text/plain"},
        {b"content-type": b"multipart/form-data; boundary=x"},
        {b"content-type": b"application/json; charset=latin-1"},
        {b"content-encoding": b"gzip"},
    ],
)
def test_other_bodies_are_not(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(MediaTypeUnsupported):
        require_json(fields)


@given(st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=60)), max_size=30))
def test_no_head_raises_anything_but_a_refusal(headers: list[tuple[bytes, bytes]]) -> None:
    """For every list of headers: a Head, or an error of the tree."""
    made = scope()
    made["headers"] = headers
    try:
        read_head(made)
    except GatewayError as error:
        assert 400 <= error.status < 500
