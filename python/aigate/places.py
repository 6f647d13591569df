"""Where a target is reached: over the network, or within the process for the offline model.

The seam between the policy's providers and the transport's origins, made by the composition root and handed to dispatch
as its `Connect`. Invariant: an origin lives as long as a policy in force names its provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aigate import _native
from aigate.domain import Exchange, Outbound, Provider, Target
from aigate.providers import ADAPTERS, echo
from aigate.transport import LocalExchange, Transport

_COMMON_HEADERS = (("content-type", "application/json"), ("user-agent", "aigate"))


class Places:
    """The origins of the providers in force, and the settings of those that need none."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._origins: dict[int, tuple[Provider, _native.Origin]] = {}
        self._offline: dict[int, tuple[Provider, echo.EchoOptions]] = {}

    def use(self, providers: Iterable[Provider]) -> None:
        """Take the providers of a new policy. Those that are as before keep their connections; the others' age and go.

        Raises ValueError when one cannot be reached as written; then the former policy's stay.
        """
        former = {provider: origin for provider, origin in self._origins.values() if not provider.ca_file}
        by_place: dict[bool, list[Provider]] = {True: [], False: []}
        for provider in providers:
            by_place[provider.type == "echo"].append(provider)
        offline = {id(provider): (provider, _settings(provider)) for provider in by_place[True]}
        self._origins = {
            id(provider): (provider, former.get(provider) or self._origin(provider)) for provider in by_place[False]
        }
        self._offline = offline

    def connect(self, target: Target, outbound: Outbound, deadlines_ms: tuple[int, int, int, int]) -> Exchange:
        """Start the request; see `dispatch.Connect`."""
        provider = target.provider
        if (reached := self._origins.get(id(provider))) is not None:
            return self._transport.open(reached[1], outbound, deadlines_ms)
        if provider.type != "echo":  # its policy was replaced while this request was on its way here
            return self._transport.open(self._origin(provider), outbound, deadlines_ms)
        _, options = self._offline.get(id(provider)) or (provider, _settings(provider))
        return LocalExchange(echo.answer(outbound.body, options), asyncio.sleep, deadlines_ms)

    def _origin(self, provider: Provider) -> _native.Origin:
        headers = [*_COMMON_HEADERS, *ADAPTERS[provider.type].account_headers(provider)]
        headers += [(name, value.reveal()) for name, value in provider.headers]
        return self._transport.origin(provider.base_url, headers, ca_file=provider.ca_file or None)


def _settings(provider: Provider) -> echo.EchoOptions:
    return echo.EchoOptions(count=_count).amended(provider.options)


def _count(text: str) -> int:
    return _native.count_tokens(text, "o200k_base")
