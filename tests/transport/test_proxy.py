"""Which proxy is chosen, and that what goes through one is what should."""

from __future__ import annotations

import base64
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigate.errors import UpstreamTimeout, UpstreamUnreachable
from aigate.transport import proxy_for
from tests.transport.asking import LIMIT, PATIENT_MS, post, send, until
from tests.transport.certificates import ca_file, server
from tests.transport.conftest import Opener
from tests.transport.peer import Peer, Received, Wire, keep_alive

# --- the choice ---


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://a.example", {}, None),
        ("https://a.example", {"HTTPS_PROXY": ""}, None),
        ("https://a.example", {"HTTPS_PROXY": "http://p:3128"}, ("p:3128", None)),
        ("https://a.example", {"HTTPS_PROXY": "p:3128/"}, ("p:3128", None)),
        ("https://a.example", {"HTTPS_PROXY": "http://p"}, ("p:80", None)),
        ("https://a.example", {"HTTPS_PROXY": "http://[::1]:8080"}, ("[::1]:8080", None)),
        ("https://a.example", {"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}, ("lower:1", None)),
        ("https://a.example", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://a.example", {"ALL_PROXY": "http://p:1"}, ("p:1", None)),
        ("https://a.example", {"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://p:1"}, ("p:1", None)),
        ("http://a.example", {"HTTP_PROXY": "http://p:1"}, ("p:1", None)),
        ("http://a.example", {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, None),
        ("http://a.example", {"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"}, ("p:1", None)),
        ("http://a.example", {"HTTPS_PROXY": "http://p:1"}, None),
    ],
)
def test_the_environment_names_a_proxy(url: str, environ: dict[str, str], proxy: tuple[str, str | None] | None) -> None:
    assert proxy_for(url, environ) == proxy


def test_credentials_are_decoded_once() -> None:
    proxy = proxy_for("https://a.example", {"HTTPS_PROXY": "http://us%40er:p%3Aa%2Fss@p:1"})
    assert proxy == ("p:1", "Basic " + base64.b64encode(b"us@er:p:a/ss").decode())


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "https://a.example", True),
        ("a.example", "https://a.example", True),
        ("a.example", "https://A.Example", True),
        ("a.example", "https://b.a.example", True),
        (".a.example", "https://b.a.example", True),
        ("*.a.example", "https://b.a.example", True),
        ("a.example", "https://ba.example", False),
        ("a.example", "https://example", False),
        ("b.example, a.example", "https://a.example", True),
        ("a.example:443", "https://a.example", True),
        ("a.example:8443", "https://a.example", False),
        ("a.example:8443", "https://a.example:8443", True),
        ("127.0.0.1", "http://127.0.0.1:9", True),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.0/8", "http://10.example", False),
        ("::1", "http://[::1]:9", True),
        ("[::1]", "http://[::1]:9", True),
        ("fd00::/8", "http://[fd00::1]", True),
        ("fd00::/8", "http://10.1.2.3", False),
        ("", "https://a.example", False),
        (", ,", "https://a.example", False),
        (".", "https://a.example", False),
    ],
)
def test_no_proxy_names_exceptions(no_proxy: str, url: str, direct: bool) -> None:
    environ = {"ALL_PROXY": "http://p:1", "NO_PROXY": no_proxy}
    assert (proxy_for(url, environ) is None) is direct


@pytest.mark.parametrize(
    "value", ["socks5://user:SECRET@p:1", "https://user:SECRET@p:1", "http://", "http://user:SECRET@p:x"]
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(value: str) -> None:
    with pytest.raises(ValueError, match=r"^HTTPS_PROXY") as refused:
        proxy_for("https://a.example", {"HTTPS_PROXY": value})
    assert "SECRET" not in str(refused.value)


@given(url=st.text(max_size=30), value=st.text(max_size=30), no_proxy=st.text(max_size=30))
def test_anything_gives_an_answer_or_a_value_error(url: str, value: str, no_proxy: str) -> None:
    try:
        proxy_for(url, {"all_proxy": value, "no_proxy": no_proxy})
    except ValueError as error:
        assert value not in str(error) or len(value) < 4


# --- the way ---


class TunnelProxy:
    """A proxy that tunnels to where it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Received] = []

    def __call__(self, wire: Wire) -> None:
        request = wire.request()
        assert request is not None
        self.asked.append(request)
        host, _, port = request.line.split()[1].rpartition(":")
        with socket.create_connection(("127.0.0.1", int(port))) as target:
            wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._pump, args=(target, wire.sock))
            back.start()
            self._pump(wire.sock, target)
            back.join()
        assert host == "localhost"

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.mark.parametrize("credentials", ["", "user:pass%20word@"])
async def test_https_goes_through_a_tunnel(transport: Opener, credentials: str) -> None:
    through = TunnelProxy()
    with Peer(keep_alive, server()) as peer, Peer(through) as proxy:
        async with transport({"HTTPS_PROXY": f"http://{credentials}127.0.0.1:{proxy.port}"}) as client:
            origin = client.origin(peer.tls_url, [("authorization", "Bearer sk-1")], ca_file=ca_file())
            for _ in range(2):
                assert await send(client, origin, b"x").body(LIMIT) == b"x"
    (asked,) = through.asked
    assert asked.line == f"CONNECT localhost:{peer.port} HTTP/1.1"
    expected = [("host", f"localhost:{peer.port}")]
    if credentials:
        expected.append(("proxy-authorization", "Basic " + base64.b64encode(b"user:pass word").decode()))
    assert asked.headers == expected  # and not the origin's credentials


async def test_http_goes_to_the_proxy_whole(transport: Opener) -> None:
    seen: list[Received] = []

    def handler(wire: Wire) -> None:
        while (request := wire.request()) is not None:
            seen.append(request)
            wire.answer()

    with Peer(handler) as proxy:
        async with transport({"http_proxy": f"http://user:pass@127.0.0.1:{proxy.port}"}) as client:
            await post(client, "http://model.example:8000/v1").body(LIMIT)
    assert seen[0].line == "POST http://model.example:8000/v1/chat HTTP/1.1"
    assert seen[0].header("host") == "model.example:8000"
    assert seen[0].header("proxy-authorization") == "Basic " + base64.b64encode(b"user:pass").decode()


async def test_no_proxy_goes_directly(transport: Opener) -> None:
    with Peer(keep_alive) as peer:
        async with transport({"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.0/8"}) as client:
            assert await post(client, peer.base_url, b"x").body(LIMIT) == b"x"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "HTTP 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad", "HTTP 502"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "the proxy sent more than an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "the answer is not HTTP/1.1"),
        (b"HTTP/1.1 200 O", "closed by the proxy"),
        (b"", "closed by the proxy"),
    ],
)
async def test_a_tunnel_that_is_refused(transport: Opener, answer: bytes, says: str) -> None:
    def handler(wire: Wire) -> None:
        wire.request()
        wire.send(answer)

    with Peer(handler) as proxy:
        async with transport({"ALL_PROXY": f"http://user:SECRET@127.0.0.1:{proxy.port}"}) as client:
            origin = client.origin("https://model.example/v1", [], ca_file=ca_file())
            upstream = send(client, origin)
            step = f"tunnel to model.example:443 by proxy 127.0.0.1:{proxy.port}"
            with pytest.raises(UpstreamUnreachable, match=f"^{step}: {says}$"):
                await upstream.head()
            assert not upstream.sent
            assert client.open_connections == 0


async def test_a_tunnel_that_stalls_has_the_connect_deadline(transport: Opener) -> None:
    with Peer(Wire.wait_closed) as proxy:
        async with transport({"ALL_PROXY": f"http://127.0.0.1:{proxy.port}"}) as client:
            origin = client.origin("https://model.example/v1", [], ca_file=ca_file())
            upstream = send(client, origin, b"", (60, PATIENT_MS, PATIENT_MS, PATIENT_MS))
            with pytest.raises(UpstreamTimeout, match=r"^model.example:443: not connected within 60 ms$"):
                await upstream.head()
            await until(lambda: client.open_connections == 0)


async def test_a_proxy_nobody_runs(transport: Opener) -> None:
    async with transport({"ALL_PROXY": "http://127.0.0.1:9"}) as client:
        with pytest.raises(UpstreamUnreachable, match=r"^connect to proxy 127.0.0.1:9: connection refused$"):
            await post(client, "http://model.example/v1").head()
