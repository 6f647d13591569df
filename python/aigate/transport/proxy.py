"""Which proxy the environment names for an upstream, by the rules that curl and its kin share.

Pure. `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` in lower or upper case, lower first; `HTTP_PROXY` in upper
case not under CGI, where a caller's `Proxy:` header would set it. A message never quotes a proxy's URL, which may hold
a password.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

DEFAULT_PROXY_PORT = 80
_DEFAULT_PORTS = {"http": 80, "https": 443}


def proxy_for(base_url: str, environ: Mapping[str, str]) -> tuple[str, str | None] | None:
    """`host:port` and the value of `proxy-authorization`, or None to connect directly.

    Raises ValueError when the environment names a proxy that cannot be used.
    """
    try:
        url = urlsplit(base_url)
        host, port = (url.hostname or "").rstrip("."), url.port or _DEFAULT_PORTS.get(url.scheme, 0)
    except ValueError:
        raise ValueError("base_url: is not a URL") from None
    name, value = _variable(url.scheme, environ)
    no_proxy = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if not value or any(_exempts(entry.strip().lower(), host, str(port)) for entry in no_proxy.split(",")):
        return None
    return _parse(name, value)


def _variable(scheme: str, environ: Mapping[str, str]) -> tuple[str, str]:
    names = [f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"]
    if scheme == "http" and "REQUEST_METHOD" in environ:
        names.remove("HTTP_PROXY")
    return next(((name, value) for name in names if (value := environ.get(name, "").strip())), ("", ""))


def _exempts(entry: str, host: str, port: str) -> bool:
    """Whether one entry of `NO_PROXY` covers a host: `*`, a name and what is under it, an address, a network."""
    if entry == "*":
        return True
    if (network := _network(entry)) is not None:
        address = _network(host)
        return address is not None and address.version == network.version and address.subnet_of(network)  # type: ignore[arg-type]
    name, colon, only_port = entry.rpartition(":")
    if not colon or not only_port.isdigit():
        name, only_port = entry, port
    name = name.strip("[]").removeprefix("*").strip(".")
    return bool(name) and only_port == port and (host == name or host.endswith(f".{name}"))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _parse(name: str, value: str) -> tuple[str, str | None]:
    try:
        url = urlsplit(value if "://" in value else f"http://{value}")
        host, port = url.hostname, url.port or DEFAULT_PROXY_PORT
    except ValueError:
        raise ValueError(f"{name} is not a proxy's URL") from None
    if url.scheme != "http":
        raise ValueError(f"{name}: only http:// proxies are supported, not {url.scheme}://")
    if not host:
        raise ValueError(f"{name} has no host")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if url.username is None:
        return address, None
    credentials = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return address, "Basic " + base64.b64encode(credentials.encode()).decode()
