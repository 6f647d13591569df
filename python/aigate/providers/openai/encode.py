"""The caller's bytes, with the model's upstream name and a request for usage put in; nothing else changes."""

from __future__ import annotations

from aigate.domain import Outbound, Provider, Request, Target

from .wire import CHAT_PATH


def encode(request: Request, target: Target) -> Outbound:
    """The provider's request for `request` at `target`."""
    model = None if request.body.model == target.model else target.model
    ask_usage = request.stream and not request.usage_wanted
    headers = (("traceparent", request.traceparent),) if request.traceparent else ()
    return Outbound(CHAT_PATH, request.body.edited(model, ask_usage), headers)


def account_headers(provider: Provider) -> list[tuple[str, str]]:
    """The headers that say whose account is used; the same on every request."""
    return [("authorization", f"Bearer {provider.api_key.reveal()}")] if provider.api_key is not None else []
