"""The spool on disk: names, the segment header, the framing of records. Knows bytes, opens no file.

    spool/<worker>-<incarnation>/alive           locked while the writer lives; holds its last heartbeat
    spool/<worker>-<incarnation>/00000001.seg    header, then records; preallocated, so zeros follow the last one

A record is `length u32 | crc32 u32 | type u8 | body`, little-endian. The checksum (zlib's CRC-32, which CPython has
built in) covers type and body. Invariant: bodies are JSON and shorter than 16 MiB, so the high byte of a length is NUL,
which no JSON text contains: a record can never be found inside another one's body, whoever wrote that body.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

MAGIC = b"AIGSPOOL"
VERSION = 1
MAX_BODY = 1 << 20

INTENT, OUTCOME, REFUSAL, HEARTBEAT, END = b"IORHE"
SEEDS: Mapping[int, int] = MappingProxyType({kind: zlib.crc32(bytes((kind,))) for kind in b"IORHE"})
"""CRC-32 of the type byte, from which a record's checksum goes on over the body."""

HEAD = struct.Struct("<IIB")
CANDIDATE = re.compile(rb"(?=(?!\x00\x00\x00).{3}\x00.{4}[IORHE])", re.DOTALL)
"""Where a record might begin, for reading on behind damage."""

_HEADER = struct.Struct("<8sHHI16sIIIII8x")
_CRC = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CRC.size

SPOOL_FOLDER = "spool"
ALIVE_FILE = "alive"
_SEGMENT_NAME = re.compile(r"([0-9]{8,10})\.seg")
_FOLDER_NAME = re.compile(r"[0-9]{1,10}-[0-9a-f]{32}")


class SegmentHeader(msgspec.Struct, frozen=True, gc=False):
    """The first bytes of a segment.

    Attributes:
        worker: number of the writing worker; incarnation: 16 bytes that no other life of it shares; pid: its process.
        seq: 1, 2, … within the incarnation.
        replaces: seq of a segment that the disk failed; its bytes from `replaces_from` on do not count. 0 = none.
        rewritten: how many of them open this segment again, so that a reader which had got past that point goes on as
            far into this one. 0 = a write failed, and the segment before that may still be confirmed, or be replaced a
            second time; otherwise this is the last word on it.
    """

    worker: int
    incarnation: bytes
    pid: int
    seq: int
    replaces: int = 0
    replaces_from: int = 0
    rewritten: int = 0

    def encode(self) -> bytes:
        """The header as it is written."""
        head = _HEADER.pack(
            MAGIC,
            VERSION,
            HEADER_SIZE,
            self.worker,
            self.incarnation,
            self.pid,
            self.seq,
            self.replaces,
            self.replaces_from,
            self.rewritten,
        )
        return head + _CRC.pack(zlib.crc32(head))


def decode_header(data: bytes) -> SegmentHeader | None:
    """The header, None when it is damaged or of another version (see `is_foreign`)."""
    if len(data) < HEADER_SIZE or zlib.crc32(data[: _HEADER.size]) != _CRC.unpack_from(data, _HEADER.size)[0]:
        return None
    magic, version, size, *fields = _HEADER.unpack_from(data)
    if (magic, version, size) != (MAGIC, VERSION, HEADER_SIZE):
        return None
    return SegmentHeader(*fields)


def is_foreign(data: bytes) -> bool:
    """Whether this is the header of a segment in a format that this code does not know."""
    return len(data) >= HEADER_SIZE and data.startswith(MAGIC) and data[len(MAGIC)] != VERSION


def pack(kind: int, body: bytes) -> bytes:
    """A whole record."""
    return HEAD.pack(len(body), zlib.crc32(body, SEEDS[kind]), kind) + body


def unpack(data: bytes) -> tuple[int, bytes] | None:
    """Type and body of the record that `data` begins with, None when there is no valid one."""
    if len(data) < HEAD.size:
        return None
    length, crc, kind = HEAD.unpack_from(data)
    body = data[HEAD.size : HEAD.size + length]
    if not 0 < length <= MAX_BODY or kind not in SEEDS or len(body) != length:
        return None
    return (kind, body) if zlib.crc32(body, SEEDS[kind]) == crc else None


END_RECORD = pack(END, b'{"end":true}')
"""Closes a segment of which every byte is on the disk; such a one is never replaced."""


def segment_name(seq: int) -> str:
    """File name of a segment."""
    return f"{seq:08d}.seg"


def segment_seq(name: str) -> int | None:
    """The number in a segment's file name, None for other files."""
    match = _SEGMENT_NAME.fullmatch(name)
    return int(match[1]) if match else None


def folder_name(worker: int, incarnation: bytes) -> str:
    """Name of a writer's folder."""
    return f"{worker}-{incarnation.hex()}"


def is_folder_name(name: str) -> bool:
    """Whether a name in the spool is that of a writer's folder."""
    return _FOLDER_NAME.fullmatch(name) is not None
