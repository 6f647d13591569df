"""Walk the targets of a route: one attempt each, in order, until one commits.

Owns deadlines, fallback and the commit point: a target that fails before its first content is replaced without the
caller noticing; after the first content there is no way back. Does not choose targets and does not read a provider's
JSON. Invariant: each attempt is in the journal as an intent before a byte leaves, and has its outcome there before the
next attempt starts (the last one's is the pipeline's to write).
"""

from __future__ import annotations

from collections.abc import Mapping

from aigate.domain import Events, Journal, Request, Route, Tally, Target
from aigate.errors import GatewayError, UpstreamError, UpstreamFailed, UpstreamTimeout

from .adapter import Adapter, Connect
from .attempt import Attempt

# What another target may do better: our credential there, its model list, its load. Not what the caller got wrong.
_WORTH_ANOTHER_TARGET = frozenset({401, 402, 403, 404, 408, 409, 425, 429})


class Dispatch:
    """Sends requests to targets. `adapters` are by provider type."""

    def __init__(self, adapters: Mapping[str, Adapter], connect: Connect, journal: Journal) -> None:
        self._adapters = adapters
        self._connect = connect
        self._journal = journal

    async def send(self, request: Request, route: Route, tally: Tally) -> Events:
        """The answer of the first target that commits. Raises the last target's error when none does."""
        targets = route.targets if request.fallback else route.targets[:1]
        for target in targets[:-1]:
            _require_time(request, tally)
            try:
                return await self._commit(request, target, tally)
            except UpstreamFailed as error:
                if not _worth_another_target(error):
                    raise _named(error, route) from error.__cause__
                tally.failed(error)
                self._journal.append(tally.close())
        _require_time(request, tally)
        try:
            return await self._commit(request, targets[-1], tally)
        except UpstreamFailed as error:
            raise _named(error, route) from error.__cause__

    async def _commit(self, request: Request, target: Target, tally: Tally) -> Events:
        attempt = self._begin(request, target, tally)
        try:
            await attempt.commit()
        except BaseException as error:
            attempt.close()
            if isinstance(error, UpstreamError) or not attempt.exchange.sent:
                tally.unbilled()
            raise
        return attempt

    def _begin(self, request: Request, target: Target, tally: Tally) -> Attempt:
        intent = tally.open(target, request.body.count_tokens(target.encoding))
        try:
            self._journal.append(intent)
            adapter = self._adapters[target.provider.type]
            outbound = adapter.encode(request, target)
            exchange = self._connect(target, outbound, _deadlines(request, target, tally))
        except GatewayError:
            tally.unbilled()
            raise
        return Attempt(adapter, exchange, request, target, tally)


def _require_time(request: Request, tally: Tally) -> None:
    """Raise UpstreamTimeout when the caller's bound on the whole call is over: then no further attempt is made."""
    if request.timeout_ms and tally.remaining_ms(request.timeout_ms) <= 0:
        raise UpstreamTimeout(f"the caller's timeout of {request.timeout_ms} ms is over")


def _deadlines(request: Request, target: Target, tally: Tally) -> tuple[int, int, int, int]:
    """Connect, first byte, idle and total, in milliseconds."""
    limits = target.provider.timeouts
    total = limits.total_ms
    if request.timeout_ms:
        total = min(total, tally.remaining_ms(request.timeout_ms))
    return limits.connect_ms, limits.first_byte_ms if request.stream else limits.answer_ms, limits.idle_ms, total


def _worth_another_target(error: GatewayError) -> bool:
    """Whether a failure says something about the target rather than about the request."""
    if isinstance(error, UpstreamError):
        return error.upstream_status in _WORTH_ANOTHER_TARGET or not 400 <= error.upstream_status < 500
    return True


def _named(error: UpstreamFailed, route: Route) -> UpstreamFailed:
    """The same error with the whole path in front of its message."""
    error.message = f"model {route.name}: {error.message}"
    return error
