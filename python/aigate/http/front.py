"""The ASGI application of the data listener: from a scope to a response.

Owns the door: heads, paths, the call's course, and turning every error into a response of the caller's dialect. The
last stop of every exception: what is none of ours becomes an InternalFault, logged with its request id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from aigate.dialects import chat
from aigate.domain import Events, Principal, Request, Snapshot, Tally
from aigate.errors import ClientGone, GatewayError, InternalFault, MethodNotAllowed, ModelNotFound, PathNotFound
from aigate.pipeline import Gate, complete
from aigate.routing import visible_models

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
    trace: Callable[[bytes], tuple[str, str]]
    started_s: int
    max_body_bytes: int = 32 * 1024 * 1024


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What is known of a request before its body is read."""

    head: Head
    traceparent: str
    snapshot: Snapshot


class HttpCall(msgspec.Struct):
    """One completion request at the door; see `pipeline.Call`."""

    asked: Asked
    course: Course
    back: Reply
    tally: Tally
    settings: FrontSettings
    body: bytes | None = None

    @property
    def credential(self) -> bytes:
        """What the caller showed."""
        return self.asked.head.credential

    @property
    def snapshot(self) -> Snapshot:
        """The policy as it was when the request came in."""
        return self.asked.snapshot

    async def read(self, principal: Principal) -> Request:
        """Judge the head, read the body, inspect it."""
        fields = self.asked.head.fields
        require_json(fields)
        wishes = read_wishes(fields, self.asked.traceparent)
        body = await read_body(self.course, self.asked.head.content_length, self.settings.max_body_bytes)
        self.course.reading = False
        return chat.read_chat(body, wishes, principal)

    async def reply(self, events: Events) -> None:
        """Relay a stream as it comes. A whole answer waits for `close`, so that its head can say what it cost."""
        streams = self.tally.request is not None and self.tally.request.stream
        while (event := await events.next()) is not None:
            if streams:
                self.course.writing = self.course.now()
                await self.back.more(event.data)
                self.course.writing = 0.0
            else:
                self.body = event.data

    async def close(self) -> None:
        """End the stream with its cost, or send the whole answer."""
        if self.body is None:
            await self.back.end(chat.cost_comment(self.tally.spent_nano_usd) if self.tally.priced else b"")
        else:
            await self.back.answer(self.body)

    def interruption(self) -> GatewayError:
        """Why the call was cut, as the watch saw it."""
        return self.course.cut_by or ClientGone("the call was dropped")


class Front:
    """The data listener's application. Made inside the worker's event loop."""

    def __init__(self, gate: Gate, in_flight: InFlight, settings: FrontSettings) -> None:
        self._gate = gate
        self._in_flight = in_flight
        self._settings = settings

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
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException:  # noqa: BLE001 - the top: nothing of ours is above it, and a Rust panic is no Exception
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
            tally.name(head.request_id)
        path: str = scope["path"]
        if path == CHAT_PATH:
            _require_method(scope, "POST")
            tally.trace_id, traceparent = self._settings.trace(head.fields.get(b"traceparent", b""))
            asked = Asked(head, traceparent, snapshot)
            await complete(self._gate, HttpCall(asked, course, reply, tally, self._settings))
        elif path == MODELS_PATH or path.startswith(MODELS_PATH + "/"):
            _require_method(scope, "GET")
            course.reading = False
            tally.principal = self._gate.identify(head.credential)
            await self._models(unquote(path[len(MODELS_PATH) + 1 :]), snapshot, reply)
        else:
            raise PathNotFound(f"{path[:200]}: no such endpoint")

    async def _models(self, name: str, snapshot: Snapshot, reply: Reply) -> None:
        names = visible_models(snapshot, reply.tally.principal)
        created_s = self._settings.started_s
        if not name:
            await reply.document(chat.models_body(names, created_s))
        elif name in names:
            await reply.document(chat.model_body(name, created_s))
        else:
            raise ModelNotFound(f"model {name[:200]}: not found", param="model")

    def _write_down(self, tally: Tally, error: GatewayError) -> None:
        """Record a refusal that never came as far as the pipeline, which writes its own."""
        if not tally.closed:
            tally.failed(error)
            self._gate.journal.append(tally.close())


def _require_method(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        raise MethodNotAllowed(f"{scope['path']}: answers {method} only")
