"""TLS is verified, always: who signed, for whom, and that nothing was cut off."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme

from aigate.errors import UpstreamTimeout, UpstreamUnreachable
from tests.transport.asking import LIMIT, PATIENT_MS, drained, send
from tests.transport.certificates import ca_file, server
from tests.transport.conftest import Opener
from tests.transport.peer import Peer, Wire, keep_alive


async def test_speaks_http_over_tls(transport: Opener, loop_factory: object) -> None:
    with Peer(keep_alive, server()) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            for body in (b"small", b"x" * 300_000, b""):
                upstream = send(client, origin, body)
                assert await drained(upstream) == body
                assert upstream.sent
        assert peer.accepted == 1


async def test_an_address_can_be_verified_too(transport: Opener) -> None:
    with Peer(keep_alive, server("127.0.0.1")) as peer:
        async with transport() as client:
            origin = client.origin(f"https://127.0.0.1:{peer.port}", [], ca_file=ca_file())
            assert await send(client, origin, b"x").body(LIMIT) == b"x"


async def refused(transport: Opener, peer: Peer, trusted: str | None, says: str) -> None:
    async with transport() as client:
        upstream = send(client, client.origin(peer.tls_url, [], ca_file=trusted))
        with pytest.raises(UpstreamUnreachable, match=f"^TLS with localhost:{peer.port}: {says}"):
            await upstream.head()
        assert not upstream.sent


async def test_a_wrong_name_is_refused(transport: Opener) -> None:
    with Peer(keep_alive, server("other.example")) as peer:
        await refused(transport, peer, ca_file(), "invalid peer certificate: .*(?i:not valid for)")


async def test_an_unknown_authority_is_refused(transport: Opener, tmp_path: Path) -> None:
    stranger = trustme.CA()
    with Peer(keep_alive, server(issuer=stranger)) as peer:
        await refused(transport, peer, ca_file(), "invalid peer certificate: .*")
        stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=str(tmp_path / "stranger.pem"))
            assert await send(client, origin, b"x").body(LIMIT) == b"x"


async def test_a_server_without_tls_is_refused(transport: Opener) -> None:
    def handler(wire: Wire) -> None:
        wire.sock.recv(1000)
        wire.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with Peer(handler) as peer:
        await refused(transport, peer, ca_file(), "received corrupt message|.*")


async def test_a_handshake_that_stalls_has_the_connect_deadline(transport: Opener) -> None:
    with Peer(Wire.wait_closed) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            upstream = send(client, origin, b"", (80, PATIENT_MS, PATIENT_MS, PATIENT_MS))
            with pytest.raises(UpstreamTimeout, match=f"^localhost:{peer.port}: not connected within 80 ms$"):
                await upstream.head()
            assert client.open_connections == 0


async def test_an_end_without_goodbye_is_a_cut(transport: Opener) -> None:
    """Without a length only TLS's own goodbye tells the end from an attack."""

    def handler(wire: Wire) -> None:
        request = wire.request()
        assert request is not None
        wire.send(b"HTTP/1.1 200 OK\r\n\r\nall there is")
        if request.body == b"politely":
            wire.sock.unwrap()  # type: ignore[attr-defined]

    with Peer(handler, server()) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            assert await send(client, origin, b"politely").body(LIMIT) == b"all there is"
            with pytest.raises(UpstreamUnreachable, match="the answer broke after 12 bytes"):
                await send(client, origin, b"rudely").body(LIMIT)


async def test_a_stale_tls_connection_fails_no_request(transport: Opener) -> None:
    closed = threading.Semaphore(0)

    def handler(wire: Wire) -> None:
        request = wire.request()
        assert request is not None
        wire.answer(request.body)
        wire.sock.close()
        closed.release()

    with Peer(handler, server()) as peer:
        async with transport() as client:
            origin = client.origin(peer.tls_url, [], ca_file=ca_file())
            for _ in range(4):
                assert await send(client, origin, b"x").body(LIMIT) == b"x"
                closed.acquire()
        assert peer.accepted == 4


@pytest.mark.parametrize(
    "content", [None, "", "no certificate here", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
async def test_a_ca_file_that_does_not_hold_is_refused(transport: Opener, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    async with transport() as client:
        with pytest.raises(ValueError, match=f"^ca_file {path}: "):
            client.origin("https://localhost/v1", [], ca_file=str(path))
        with pytest.raises(ValueError, match=r"^ca_file: base_url is not https$"):
            client.origin("http://localhost/v1", [], ca_file=str(path))


def test_ssl_cert_file_is_the_machines_trust() -> None:
    """In a process of its own, because the machine's roots are read once."""
    script = """if True:
        import asyncio, sys
        from aigate.domain import Outbound
        from aigate.transport import Transport
        async def main():
            client = Transport(asyncio.get_running_loop(), environ={})
            upstream = client.open(client.origin(sys.argv[1], []), Outbound("/", b"trusted"), (8000, 8000, 8000, 8000))
            print((await upstream.body(100)).decode())
            client.close()
        asyncio.run(main())
    """
    with Peer(keep_alive, server()) as peer:
        command = [sys.executable, "-c", script, peer.tls_url]
        environ = {"SSL_CERT_FILE": ca_file(), "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("trusted\n", "")
