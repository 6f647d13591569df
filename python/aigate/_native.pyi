"""The compiled part: coarse calls on plain things, frozen handles, errors of `aigate.errors`."""

from collections.abc import Sequence
from typing import final

__version__: str

# --- inspect: one pass over a request body ---

@final
class Body:
    """An inspected JSON request body in OpenAI's chat dialect. Immutable; keeps the bytes it was made of.

    A lone surrogate in a string reads as U+FFFD; the bytes keep it.
    """

    @property
    def model(self) -> str | None:
        """1 to 512 bytes; None when the member is absent."""
    @property
    def stream(self) -> bool: ...
    @property
    def include_usage(self) -> bool:
        """`stream_options.include_usage`, as the caller asked."""
    @property
    def output_cap(self) -> int | None:
        """`max_completion_tokens`, else `max_tokens`; 1 to 2**40."""
    @property
    def n(self) -> int:
        """Choices asked for, 1 to 128."""
    @property
    def message_count(self) -> int: ...
    @property
    def tool_count(self) -> int: ...
    @property
    def image_count(self) -> int:
        """Content parts that are images."""
    @property
    def text_bytes(self) -> int:
        """Decoded UTF-8 bytes of all text a model would read."""
    @property
    def user(self) -> str | None:
        """At most 512 bytes."""
    @property
    def metadata(self) -> list[tuple[str, str]]:
        """Members of the `metadata` object, at most 16, of at most 256 and 2048 bytes."""
    def canonical_hash(self) -> bytes:
        """BLAKE3 of a canonical form, 32 bytes, computed once.

        Equal for bodies that differ only in white space, the order of members of different names, string escapes, and
        the spelling of an integer (`10`, `10.0`, `1e1`). Any other difference makes another hash, so does the order of
        two members of one name.
        """
    def count_tokens(self, encoding: str) -> int:
        """Input tokens of the prompt with the chat template's overhead, tools included.

        Raises ValueError for an unknown encoding.
        """
    def edited(self, model: str | None, include_usage: bool, output_cap: int | None = None) -> bytes:
        """The bytes with `model` replaced (None: kept) and, when asked, `stream_options.include_usage` set to true.

        `output_cap` (positive) takes the place of the caller's `max_completion_tokens` and `max_tokens`; with neither,
        the former is added. Every byte that is not part of an edit is the caller's own; with nothing to change, these
        are the very bytes that were inspected.
        """

def inspect(body: bytes) -> Body:
    """Read a request body once.

    Raises InvalidRequest with the byte offset, or with the JSON path as `param`: for what is not strict JSON in UTF-8,
    deeper than 64 levels or of more than 100,000 values per MiB; for a wrong type (null is absence, but for `model`,
    `messages` and `role`; a cap or `n` must be written as an integer, so neither 10.0 nor 1e1); and for a second
    `model`, `stream`, `stream_options`, `include_usage` in it, `max_tokens`, `max_completion_tokens`, `n`, `messages`
    or `tools`, also when its name is written with escapes. The message repeats nothing of the body.
    """

# --- replies that are not streams ---

@final
class Reply:
    """What the gateway needs to know of a whole JSON answer: a chat completion, a completion, embeddings.

    A member of an unforeseen type is as good as absent; of a member given twice the last one counts.
    """

    @property
    def model(self) -> str | None:
        """At most 512 bytes."""
    @property
    def usage(self) -> tuple[int, int, int, int, int, int, int] | None:
        """fresh, cache_read, cache_write, output, reasoning, audio_input, audio_output.

        None also when a figure cannot be true: not an integer from 0 to 2**40.
        """
    @property
    def raw_usage(self) -> str:
        """The JSON text of the `usage` object; "" without one, or when it is over 4 KiB."""
    @property
    def error(self) -> str | None:
        """Message of a truthy `error` at the top level (an "error in a 200"), else its JSON text.

        At most 1024 characters.
        """
    @property
    def has_choices(self) -> bool:
        """Whether there is at least one choice."""
    def count_output_tokens(self, encoding: str) -> int:
        """Our own count of the answer's text, tool calls included, for providers that report no usage.

        Raises ValueError for an unknown encoding.
        """
    def renamed(self, model: str) -> bytes:
        """The body with its top-level `model` replaced; as it is when it has none."""

def read_reply(body: bytes) -> Reply:
    """Read a whole answer. Raises UpstreamInvalid when it is not a JSON object."""

# --- tokens ---

def count_tokens(text: str, encoding: str) -> int:
    """Tokens of plain text in `o200k_base` or `cl100k_base`: the length of what tiktoken's `encode_ordinary` returns.

    Special tokens are ordinary text, and surrogates are read as tiktoken reads them. Runs without the GIL over 16 KiB.
    Raises ValueError for an unknown encoding.
    """

def warm_tokenizer(encoding: str) -> None:
    """Read the tables into memory now rather than on the first request. Raises ValueError for an unknown encoding."""

# --- frames: server-sent events ---

@final
class SseReader:
    """Incremental SSE parser to the WHATWG rules; the same events for every way the bytes are cut.

    A line may have 1 MiB and an event, as it is on the wire, 8 MiB, unless told otherwise.
    """

    def __new__(cls, max_line_bytes: int = ..., max_event_bytes: int = ...) -> SseReader: ...
    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Events completed by `data`: (event name or "", joined data).

        Raises UpstreamInvalid over a bound; events before it are returned first, the next call raises.
        """

@final
class ChatRelay:
    """Relays an OpenAI chat stream frame by frame, byte for byte, and notices what the gateway must know.

    What is noticed is what has been handed on, apart from `usage`, which is also taken from an error or an
    unterminated tail.
    """

    def __new__(cls, strip_usage: bool, model: str | None, encoding: str = "o200k_base") -> ChatRelay:
        """`strip_usage`: drop the usage the caller did not ask for. `model`: rename in each chunk.

        `encoding`: what `count_output_tokens` will be asked for; see there. Raises ValueError for an unknown one.
        """
    def feed(self, data: bytes) -> bytes:
        """What can be handed on: complete frames, edited, and comments and blank lines outside of them.

        `data` itself when nothing was held and nothing is edited. Raises UpstreamInvalid over a bound; frames before
        it are returned first, the next call raises.
        """
    def finish(self) -> bytes:
        """At the end of the upstream: an unterminated tail, verbatim. Raises UpstreamInvalid like `feed`."""
    @property
    def has_content(self) -> bool:
        """A frame with content (text, tool call, refusal, reasoning, audio, finish) has been handed on."""
    @property
    def finished(self) -> bool:
        """Every choice seen has a finish_reason, or [DONE] was seen."""
    @property
    def done(self) -> bool:
        """[DONE] was seen."""
    @property
    def error(self) -> str | None:
        """Message of an in-band error, at most 2 KiB; neither it nor anything after it is handed on.

        A data object with a truthy `error`, an event of the name `error`, or a `finish_reason` of "error".
        """
    @property
    def error_code(self) -> str:
        """Its `code`, a number in decimal; "" without one. At most 128 bytes, like `error_type`."""
    @property
    def error_type(self) -> str:
        """Its `type`, or TGI's `error_type`; "" without one."""
    @property
    def raw_error(self) -> str:
        """Its payload as it came, at most 4 KiB; "" without an error."""
    @property
    def model(self) -> str | None:
        """The first model the provider named, at most 512 bytes."""
    @property
    def usage(self) -> tuple[int, int, int, int, int, int, int] | None:
        """The last believable usage, in the order of `Reply.usage`."""
    @property
    def raw_usage(self) -> str:
        """The JSON text of `usage`; "" without one, or when it is over 4 KiB."""
    @property
    def events(self) -> int:
        """Events with data so far, apart from [DONE] and an error."""
    def count_output_tokens(self, encoding: str) -> int:
        """Our own count of the text handed on so far, tool calls included, per choice.

        At most the last 4 KiB of each choice are kept; what was before has been counted in the constructor's
        encoding. In that one the count is exact for prose and code, and a token or two over for each 4 KiB of text
        without a space, such as base64. Raises ValueError for an unknown encoding.
        """

def sse_event(name: str, data: bytes) -> bytes:
    """One event as a frame; "" leaves the name out, each line of `data` becomes a field.

    Raises ValueError for a name with a line end in it.
    """

# --- io: the outbound HTTP client ---

@final
class Origin:
    """One upstream account: where to connect, how, and the headers every request carries."""

    def __new__(
        cls,
        base_url: str,
        headers: Sequence[tuple[str, str]],
        ca_file: str | None,
        proxy: tuple[str, str | None] | None,
        http2: bool,
    ) -> Origin:
        """`proxy` is `host:port` and the value of `proxy-authorization`. Reads the trusted certificates.

        Raises ValueError, whose message quotes nothing of the arguments but the name of `ca_file`.
        """

@final
class Client:
    """The outbound HTTP/1.1 and HTTP/2 client of one event loop, whose thread makes it and alone may use it."""

    def __new__(
        cls,
        max_connections_per_origin: int,
        max_idle_per_origin: int,
        idle_connection_ms: int,
        buffer_bytes: int,
        max_head_bytes: int,
    ) -> Client: ...
    def fileno(self) -> int:
        """Readable when `turn` has work to do."""
    def turn(self) -> list[int]:
        """Do what can be done without waiting; ids of the exchanges whose waiters should look again."""
    def open(
        self,
        origin: Origin,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        deadlines_ms: tuple[int, int, int, int],
    ) -> Exchange:
        """Start a request; deadlines are connect, first byte, idle, total.

        Never blocks, never raises for the network; InvalidRequest for what cannot be put on the wire. On an idle
        connection the request is written before this returns.
        """
    def close(self) -> None:
        """Give up everything under way and close every connection. Idempotent."""
    @property
    def in_flight(self) -> int:
        """Exchanges that are not over."""
    @property
    def open_connections(self) -> int:
        """Sockets that are open or being opened."""

@final
class Exchange:
    """One request and its answer. Methods return None when the caller must wait for `turn` to name its id.

    Raises UpstreamTimeout, UpstreamUnreachable or UpstreamInvalid when the attempt has failed. Dropping it cancels it.
    """

    @property
    def id(self) -> int: ...
    @property
    def status(self) -> int | None:
        """The answer's status; None while its head is not there."""

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
    @property
    def reused(self) -> bool:
        """Whether its connection had carried another exchange before."""
    @property
    def timings_ns(self) -> tuple[int, int, int, int]:
        """Connected, sent, first byte, end: nanoseconds since it was opened; 0 = not reached."""
