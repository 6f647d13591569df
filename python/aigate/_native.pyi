"""The compiled part: coarse calls on plain things, frozen handles, errors of `aigate.errors`."""

from typing import final

__version__: str

# --- inspect: one pass over a request body ---

@final
class Body:
    """An inspected JSON request body in OpenAI's chat dialect. Immutable; keeps the bytes it was made of."""

    @property
    def model(self) -> str | None: ...
    @property
    def stream(self) -> bool: ...
    @property
    def include_usage(self) -> bool:
        """`stream_options.include_usage`, as the caller asked."""
    @property
    def output_cap(self) -> int | None:
        """`max_completion_tokens`, else `max_tokens`."""
    @property
    def n(self) -> int: ...
    @property
    def message_count(self) -> int: ...
    @property
    def tool_count(self) -> int: ...
    @property
    def image_count(self) -> int: ...
    @property
    def text_bytes(self) -> int:
        """Decoded UTF-8 bytes of all text a model would read."""
    @property
    def user(self) -> str | None: ...
    @property
    def metadata(self) -> list[tuple[str, str]]:
        """String members of the `metadata` object, at most 16."""
    def canonical_hash(self) -> bytes:
        """32 bytes, equal for bodies that differ only in white space, key order or string escapes."""
    def count_tokens(self, encoding: str) -> int:
        """Input tokens of the prompt with the chat template's overhead, tools included."""
    def edited(self, model: str | None, include_usage: bool) -> bytes:
        """The bytes with `model` replaced (None: kept) and, when asked, `stream_options.include_usage` set to true.

        Every byte that is not part of an edit is the caller's own.
        """

def inspect(body: bytes) -> Body:
    """Read a request body once. Raises InvalidRequest with the JSON path or byte offset."""

# --- replies that are not streams ---

@final
class Reply:
    """What the gateway needs to know of a whole JSON answer."""

    @property
    def model(self) -> str | None: ...
    @property
    def usage(self) -> tuple[int, int, int, int, int, int, int] | None:
        """fresh, cache_read, cache_write, output, reasoning, audio_input, audio_output."""
    @property
    def raw_usage(self) -> str: ...
    @property
    def error(self) -> str | None:
        """Message of an error object at the top level (an "error in a 200")."""
    @property
    def has_choices(self) -> bool: ...
    def count_output_tokens(self, encoding: str) -> int:
        """Our own count of the answer's text, for providers that report no usage."""
    def renamed(self, model: str) -> bytes:
        """The body with its top-level `model` replaced."""

def read_reply(body: bytes) -> Reply:
    """Read a whole `chat.completion`. Raises UpstreamInvalid when it is not a JSON object."""

# --- tokens ---

def count_tokens(text: str, encoding: str) -> int:
    """Tokens of plain text. Raises ValueError for an unknown encoding."""

def warm_tokenizer(encoding: str) -> None:
    """Load the ranks now rather than on the first request."""

# --- frames: server-sent events ---

@final
class SseReader:
    """Incremental SSE parser to the WHATWG rules; the same events for every way the bytes are cut."""

    def __init__(self, max_line_bytes: int = ..., max_event_bytes: int = ...) -> None: ...
    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Events completed by `data`: (event name or "", joined data). Raises UpstreamInvalid over a bound."""

@final
class ChatRelay:
    """Relays an OpenAI chat stream frame by frame, byte for byte, and notices what the gateway must know."""

    def __init__(self, strip_usage: bool, model: str | None) -> None:
        """`strip_usage`: drop the usage the caller did not ask for. `model`: rename in each chunk."""
    def feed(self, data: bytes) -> bytes:
        """Complete frames to hand on, edited. Raises UpstreamInvalid over a bound."""
    def finish(self) -> bytes:
        """At the end of the upstream: an unterminated tail, verbatim."""
    @property
    def has_content(self) -> bool:
        """A frame with content (text, tool call, refusal, reasoning, audio, finish) has been handed on."""
    @property
    def finished(self) -> bool:
        """Every choice seen has a finish_reason, or [DONE] was seen."""
    @property
    def error(self) -> str | None:
        """Message of an in-band error; frames after it are dropped, and it is not handed on."""
    @property
    def model(self) -> str | None: ...
    @property
    def usage(self) -> tuple[int, int, int, int, int, int, int] | None: ...
    @property
    def raw_usage(self) -> str: ...
    @property
    def events(self) -> int: ...
    def count_output_tokens(self, encoding: str) -> int:
        """Our own count of the text handed on so far."""

# --- io: the outbound HTTP client ---

@final
class Origin:
    """One upstream account: where to connect, how, and the headers every request carries."""

    def __init__(
        self,
        base_url: str,
        headers: list[tuple[str, str]],
        ca_file: str | None,
        proxies: dict[str, str],
        http2: bool,
    ) -> None: ...

@final
class Client:
    """The outbound HTTP/1.1 and HTTP/2 client of one worker, driven by the event loop that owns it."""

    def __init__(
        self,
        max_connections_per_origin: int,
        max_idle_per_origin: int,
        idle_connection_ms: int,
        buffer_bytes: int,
        max_head_bytes: int,
    ) -> None: ...
    def fileno(self) -> int:
        """Readable when `turn` has work to do."""
    def turn(self) -> list[int]:
        """Do what can be done without waiting; ids of the exchanges whose waiters should look again."""
    def open(
        self,
        origin: Origin,
        method: str,
        path: str,
        headers: list[tuple[str, str]],
        body: bytes,
        deadlines_ms: tuple[int, int, int, int],
    ) -> Exchange:
        """Start a request; deadlines are connect, first byte, idle, total. Never blocks, never raises for the network."""
    def close(self) -> None: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def open_connections(self) -> int: ...

@final
class Exchange:
    """One request and its answer. Methods return None when the caller must wait for `turn` to name its id.

    Raises UpstreamTimeout, UpstreamUnreachable or UpstreamInvalid when the attempt has failed.
    """

    @property
    def id(self) -> int: ...
    def head(self) -> tuple[int, list[tuple[str, str]]] | None:
        """Status and headers (names in lower case)."""
    def read(self) -> bytes | None:
        """The next bytes of the body, as many as are there; b"" at its end."""
    def body(self, limit: int) -> bytes | None:
        """The whole body, once it is complete. Raises UpstreamInvalid when it is over `limit` bytes."""
    def cancel(self) -> None:
        """Give up: close the connection (HTTP/1.1) or reset the stream (HTTP/2) now. Idempotent."""
    @property
    def sent(self) -> bool:
        """Whether any byte of the request has been handed to the kernel, so that money may have been spent."""
