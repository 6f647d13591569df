"""An HTTP/2 server on one connection, for a test's handler to drive frame by frame."""

from __future__ import annotations

from typing import NamedTuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes

from tests.transport.peer import Wire


class H2Request(NamedTuple):
    stream: int
    headers: dict[str, str]
    body: bytes


class H2Server:
    def __init__(self, wire: Wire, max_streams: int = 100) -> None:
        self._sock = wire.sock
        self._conn = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._conn.initiate_connection()
        self._conn.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: max_streams})
        self._partial: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._complete: list[H2Request] = []
        self.resets: list[tuple[int, int]] = []
        self.is_open = True
        self._flush()

    def request(self) -> H2Request | None:
        """The next request, None when the client has closed."""
        while self.is_open and not self._complete:
            self.pump()
        return self._complete.pop(0) if self._complete else None

    def pump(self) -> None:
        """Wait for bytes, and take them in."""
        data = self._sock.recv(65536)
        if not data:
            self.is_open = False
        for event in self._conn.receive_data(data) if data else []:
            self._take(event)
        self._flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers}
            self._partial[event.stream_id] = (headers, bytearray())
        elif isinstance(event, DataReceived):
            self._partial[event.stream_id][1].extend(event.data)
            self._conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            headers, body = self._partial.pop(event.stream_id)
            self._complete.append(H2Request(event.stream_id, headers, bytes(body)))
        elif isinstance(event, StreamReset):
            self.resets.append((event.stream_id, event.error_code))
        elif isinstance(event, ConnectionTerminated):
            self.is_open = False

    def head(self, stream: int, *headers: tuple[str, str], end: bool = False) -> None:
        self._conn.send_headers(stream, headers or ((":status", "200"),), end_stream=end)
        self._flush()

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send within the client's windows, waiting for them to open."""
        if end and not data:
            self._conn.end_stream(stream)
            self._flush()
        while data and self.is_open:
            room = min(self._conn.local_flow_control_window(stream), self._conn.max_outbound_frame_size)
            if room > 0:
                piece, data = data[:room], data[room:]
                self._conn.send_data(stream, piece, end_stream=end and not data)
                self._flush()
            else:
                self.pump()

    def answer(self, request: H2Request, body: bytes = b"ok") -> None:
        self.head(request.stream, (":status", "200"), ("x-protocol", "h2"))
        self.data(request.stream, body, end=True)

    def reset(self, stream: int, code: ErrorCodes) -> None:
        self._conn.reset_stream(stream, code)
        self._flush()

    def go_away(self, last_stream: int) -> None:
        self._conn.close_connection(last_stream_id=last_stream)
        self._flush()

    def room(self, stream: int) -> int:
        """Bytes the client takes on this stream now."""
        return self._conn.local_flow_control_window(stream)

    def waiting(self) -> list[H2Request]:
        """The requests that came in while something else was done."""
        waiting, self._complete = self._complete, []
        return waiting

    def trust_nobody(self) -> None:
        """Send whatever the test says, valid or not."""
        self._conn.config.validate_outbound_headers = False
        self._conn.config.normalize_outbound_headers = False

    def _flush(self) -> None:
        if data := self._conn.data_to_send():
            self._sock.sendall(data)


def keep_answering(wire: Wire) -> None:
    """Answers every request with its own body."""
    server = H2Server(wire)
    while (request := server.request()) is not None:
        server.answer(request, request.body)
