import os
import socket

import pytest

from bench.load import ports


def listener() -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", 0))
    found.listen()
    return found


def test_a_port_with_a_reuseport_listener_is_not_free() -> None:
    with listener() as taken:
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert len(ports.listeners(port)) == 1


def test_taken_ports_are_free_and_different() -> None:
    found = ports.take(5)
    assert len(set(found)) == 5
    assert all(ports.is_free(port) for port in found)


def test_a_listener_of_another_process_is_told() -> None:
    with listener() as taken:
        port = taken.getsockname()[1]
        ports.check_owned(port, [os.getpid()])
        with pytest.raises(ports.PortTaken, match=str(port)):
            ports.check_owned(port, [])


def test_waiting_stops_when_the_server_has_died() -> None:
    def died() -> None:
        raise ConnectionAbortedError

    (port,) = ports.take(1)
    with pytest.raises(ConnectionAbortedError):
        ports.wait_for(port, "/", 5.0, died)
