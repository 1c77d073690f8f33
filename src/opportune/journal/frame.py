"""One group of facts as a frame: a 64-byte header, then the arrays; both under a crc32.

    magic 8 | version u2 | table bytes u2 | facts u4 | first_seq i8 | received_ms i8 | offset u8 | synced u8
    | payload bytes u8 | payload crc u4 | header crc u4            (little endian; payload padded to 8 bytes)

`offset` is the frame's own place in its segment, so bytes inside a payload never pass for a frame. `synced` is how much of
the segment was durable when the frame was written: a damaged frame that a later frame counts as durable was lost on the
disk; one that no later frame counts was never acknowledged, and may be cut.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from opportune.facts import Arrays
from opportune.journal.errors import JournalError
from opportune.journal.layout import ALIGNMENT_BYTES, decode_arrays

MAGIC = b"\x89OPJF\r\n\x1a"
VERSION = 1
HEADER = struct.Struct("<8sHHIqqQQQII")
HEADER_BYTES = HEADER.size
GROUP_BYTES_MAX = 64 << 20
GROUP_FACTS_MAX = 2**31 - 1

_CRC = struct.Struct("<I")
_CRC_AT = HEADER_BYTES - _CRC.size


@dataclass(frozen=True, slots=True)
class Group:
    """`count` facts that were committed together, numbered from `first_seq`.

    received_ms  when they were received, ms since 1970 UTC
    arrays       named arrays of at most two dimensions; when read, views of the journal's bytes, read-only
    """

    first_seq: int
    count: int
    received_ms: int
    arrays: Arrays

    @property
    def end_seq(self) -> int:
        """The number after the group's last fact: the next group's `first_seq`."""
        return self.first_seq + self.count


class FrameHeader(NamedTuple):
    """The header's fields, in the file's order."""

    magic: bytes
    version: int
    table_bytes: int
    facts: int
    first_seq: int
    received_ms: int
    offset: int
    synced: int
    payload_bytes: int
    payload_crc: int
    header_crc: int

    @property
    def frame_bytes(self) -> int:
        """Bytes from this header to the next."""
        return frame_bytes(self.payload_bytes)

    @property
    def end_seq(self) -> int:
        """The next frame's `first_seq`."""
        return self.first_seq + self.facts


def frame_bytes(payload_bytes: int) -> int:
    """Bytes of a frame with a payload of so many bytes."""
    return HEADER_BYTES + payload_bytes + -payload_bytes % ALIGNMENT_BYTES


def pack_header(group: tuple[int, int, int], table_bytes: int, payload: bytes, offset: int, synced: int) -> bytes:
    """The header of a frame at `offset`; `group` = (first_seq, facts, received_ms)."""
    first_seq, facts, received_ms = group
    header = HEADER.pack(
        MAGIC, VERSION, table_bytes, facts, first_seq, received_ms, offset, synced,
        len(payload), zlib.crc32(payload), 0,
    )  # fmt: skip
    return header[:_CRC_AT] + _CRC.pack(zlib.crc32(header[:_CRC_AT]))


def unpack_header(raw: bytes | memoryview, offset: int) -> FrameHeader | str:
    """The header in `raw` (64 bytes or fewer) read at `offset` of its segment, or why it is none.

    Raises JournalError for a frame of another format version: it is whole, and must not be taken for a torn one.
    """
    if len(raw) < HEADER_BYTES:
        return f"only {len(raw)} of a header's {HEADER_BYTES} bytes"
    header = FrameHeader._make(HEADER.unpack(raw))
    if header.magic != MAGIC:
        return "no frame begins here"
    if header.header_crc != zlib.crc32(raw[:_CRC_AT]):
        return "the header's crc32 does not match"
    if header.version != VERSION:
        raise JournalError(
            f"the journal has format version {header.version}, this program reads version {VERSION}; "
            "open it with the version of Opportune that wrote it"
        )
    if header.offset != offset:
        return f"the frame belongs at byte {header.offset:,}"
    if header.payload_bytes > GROUP_BYTES_MAX or header.facts < 1:
        return "the header's counts are out of bounds"
    return header


def decode_group(header: FrameHeader, payload: memoryview) -> Group | str:
    """The group of a frame, its arrays views of `payload`; or why the payload is damaged."""
    if len(payload) < header.payload_bytes:
        return f"only {len(payload):,} of a payload's {header.payload_bytes:,} bytes"
    if zlib.crc32(payload) != header.payload_crc:
        return "the payload's crc32 does not match"
    try:
        arrays = decode_arrays(payload, header.table_bytes)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        return f"the payload's table cannot be read: {error}"
    return Group(header.first_seq, header.facts, header.received_ms, arrays)
