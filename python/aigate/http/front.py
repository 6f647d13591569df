"""The ASGI application of the data listener: from a scope to a response.

Owns the door: heads, paths, the call's course, and turning every error into a response of the caller's dialect. The
last stop of every exception: what is none of ours becomes an InternalFault, logged with its request id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from urllib.parse import unquote

import msgspec

from aigate.dialects import chat
from aigate.domain import Principal, Request, Snapshot, Tally, Wishes
from aigate.errors import ClientGone, GatewayError, InternalFault, MethodNotAllowed, ModelNotFound, PathNotFound
from aigate.pipeline import Gate, complete
from aigate.routing import visible_models

from .answer import AnswerWriter
from .asgi import Receive, Scope, Send
from .body import read_body
from .head import Head, read_head, require_json
from .inflight import Course, InFlight
from .reply import Reply
from .wishes import read_wishes

CHAT_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"

_log = logging.getLogger(__name__)


class FrontSettings(msgspec.Struct, frozen=True):
    """What the door needs from outside.

    Attributes:
        snapshot: gives the current policy.
        new_tally: makes the record of a new request.
        trace: continues a trace: caller's traceparent → (trace id, traceparent for the upstream).
        started_s: Unix seconds, the `created` of the model list.
        max_body_bytes: larger bodies are refused.
    """

    snapshot: Callable[[], Snapshot]
    new_tally: Callable[[], Tally]
    trace: Callable[[str], tuple[str, str]]
    started_s: int
    max_body_bytes: int = 32 * 1024 * 1024


class HttpCall:
    """One completion request at the door; see `pipeline.Call`."""

    __slots__ = ("_course", "_head", "_limit", "_wishes", "snapshot", "tally")

    def __init__(
        self, head: Head, wishes: Wishes, course: Course, tally: Tally, snapshot: Snapshot, limit: int
    ) -> None:
        self._head = head
        self._wishes = wishes
        self._course = course
        self._limit = limit
        self.tally = tally
        self.snapshot = snapshot

    @property
    def credential(self) -> bytes:
        """What the caller showed."""
        return self._head.credential

    async def read(self, principal: Principal) -> Request:
        """Read the body, then inspect it."""
        body = await read_body(self._course.receive, self._head.content_length, self._limit)
        self._course.reading = False
        return chat.read_chat(body, self._wishes, principal)

    def interruption(self) -> GatewayError:
        """Why the call was cut, as the watch saw it."""
        return self._course.cut_by or ClientGone("the call was dropped")


class Front:
    """The data listener's application. Made inside the worker's event loop."""

    def __init__(self, gate: Gate, in_flight: InFlight, settings: FrontSettings) -> None:
        self._gate = gate
        self._in_flight = in_flight
        self._settings = settings
        self._now = asyncio.get_running_loop().time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        tally = self._settings.new_tally()
        reply = Reply(send, tally)
        course: Course | None = None
        try:
            course = self._in_flight.enter(receive)
            await self._route(scope, course, reply, tally)
        except GatewayError as error:
            self._write_down(tally, error)
            await reply.refuse(error)
        except asyncio.CancelledError:
            if course is None or course.cut_by is None:
                raise
            course.task.uncancel()
            self._write_down(tally, course.cut_by)
            if not isinstance(course.cut_by, ClientGone):
                await reply.refuse(course.cut_by)
        except Exception:  # noqa: BLE001 - the top: nothing of ours is above it
            _log.exception("request %s: internal error", tally.request_id)
            fault = InternalFault(f"request {tally.request_id}: internal error")
            self._write_down(tally, fault)
            await reply.refuse(fault)
        finally:
            if course is not None:
                self._in_flight.leave(course)

    async def _route(self, scope: Scope, course: Course, reply: Reply, tally: Tally) -> None:
        snapshot = self._settings.snapshot()
        tally.policy = snapshot.hash
        head = read_head(scope)
        if head.request_id:
            tally.request_id = head.request_id
        path: str = scope["path"]
        if path == CHAT_PATH:
            _require_method(scope, "POST")
            await self._complete(self._call(head, course, tally, snapshot), course, reply)
        elif path == MODELS_PATH or path.startswith(MODELS_PATH + "/"):
            _require_method(scope, "GET")
            course.reading = False
            await self._models(unquote(path[len(MODELS_PATH) + 1 :]), head, snapshot, reply)
        else:
            raise PathNotFound(f"{path[:200]}: no such endpoint")

    def _call(self, head: Head, course: Course, tally: Tally, snapshot: Snapshot) -> HttpCall:
        require_json(head.fields)
        tally.trace_id, traceparent = self._settings.trace(head.fields.get(b"traceparent", b""))
        wishes = read_wishes(head.fields, traceparent)
        return HttpCall(head, wishes, course, tally, snapshot, self._settings.max_body_bytes)

    async def _complete(self, call: HttpCall, course: Course, reply: Reply) -> None:
        writer = AnswerWriter(reply, call.tally, course, self._now)
        async with aclosing(complete(self._gate, call)) as events:
            async for event in events:
                await writer.take(event)

    async def _models(self, name: str, head: Head, snapshot: Snapshot, reply: Reply) -> None:
        principal = self._gate.identify(head.credential)
        names = visible_models(snapshot, principal)
        created_s = self._settings.started_s
        if not name:
            await reply.whole(200, chat.models_body(names, created_s), [])
        elif name in names:
            await reply.whole(200, chat.model_body(name, created_s), [])
        else:
            raise ModelNotFound(f"model {name[:200]}: not found", param="model")

    def _write_down(self, tally: Tally, error: GatewayError) -> None:
        """Record a refusal that never came as far as the pipeline, which writes its own."""
        if not tally.closed:
            tally.failed(error)
            tally.closed = True
            self._gate.journal.append(tally.receipt("refusal"))


def _require_method(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        raise MethodNotAllowed(f"{scope['path']}: answers {method} only")
