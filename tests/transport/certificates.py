"""A certificate authority for the tests, and servers that it vouches for."""

from __future__ import annotations

import functools
import ssl
import tempfile
from pathlib import Path

import trustme


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def ca_file() -> str:
    """The authority's certificate as a PEM file."""
    path = Path(tempfile.mkdtemp(prefix="aigate-ca-")) / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return str(path)


def server(*names: str, alpn: tuple[str, ...] = (), issuer: trustme.CA | None = None) -> ssl.SSLContext:
    """A server with a certificate for `names`, `localhost` without any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (issuer or authority()).issue_cert(*(names or ("localhost",))).configure_cert(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
