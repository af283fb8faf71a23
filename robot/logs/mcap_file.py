"""An MCAP file by its specification (mcap.dev/spec): its records in order, every checksum that it carries compared.

A checksum of 0 says that none was computed. Records of unknown kinds, and fields that later versions may append to known
ones, are skipped. Writers may put messages into chunks (plain, lz4 or zstd) or beside them, and may leave out any index.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, Header, Schema
from mcap.stream_reader import CRCValidationError, get_chunk_data_stream
from mcap.writer import MCAP0_MAGIC

RECORD_HEAD = struct.Struct("<BQ")  # opcode, length of the content
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, two times
FOOTER = struct.Struct("<QQI")  # where summary and summary offsets begin, crc32
INVALID = 0  # no record's opcode
COMPRESSIONS = ("", "lz4", "zstd")
LOOSE_RECORDS = 1000  # of those outside chunks, how many are handed on together
MALFORMED = (
    RuntimeError,
    zstandard.ZstdError,
    McapError,
    struct.error,
    ValueError,
    OverflowError,
    MemoryError,
)  # lz4: RuntimeError

Record = tuple[int, bytes]  # opcode, content
Refusal = Literal["foreign", "other version", "empty", "gap", "unreadable"]


class RefusedLog(ValueError):
    """A log that cannot be read or replayed."""

    def __init__(self, outcome: Refusal, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class DamagedLog(ValueError):
    """A part of a log whose contents do not agree with its checksums. `where` names the checksum or structure."""

    def __init__(self, path: Path, where: str, stored: int | None = None, found: int | None = None) -> None:
        numbers = "" if stored is None or found is None else f" is {stored:#010x}, the contents have {found:#010x}"
        super().__init__(f"{path}: {where}{numbers}: the log was damaged or changed after recording")
        self.where, self.stored, self.found = where, stored, found


@dataclass(frozen=True, eq=False)
class McapChannel:
    """What a channel was declared as; schema: None if it has none."""

    topic: str
    encoding: str
    schema: Schema | None

    @property
    def kind(self) -> str:
        """The schema's name."""
        return self.schema.name if self.schema else ""


Message = tuple[McapChannel, bytes]  # where it came, its data


class McapFile:
    """Reads one file. library: the writer's name for itself, None if the file has no header; ended: whether the file's end was there (both known once
    `records` or `groups` has come to it; without an end the file was cut, or its writer was killed).

    Every method raises RefusedLog for what is no readable MCAP file, DamagedLog if a checksum is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library: str | None = None
        self.ended = False
        self.channels: dict[int, McapChannel] = {}
        self._schemas: dict[int, Schema] = {}

    def records(self) -> Iterator[Record]:
        """Every top-level record.

        A file without a footer ends with its last whole record: its writer was killed, and what follows was never
        promised. One with a footer is checked to the last byte: the data section, then the index.
        """
        try:
            size = self.path.stat().st_size
            with open(self.path, "rb") as file:
                magic = file.read(len(MCAP0_MAGIC))
                if magic != MCAP0_MAGIC[: len(magic)]:
                    raise RefusedLog("foreign", f"{self.path}: not an MCAP file: begins with {magic!r}, needed {MCAP0_MAGIC!r}")  # fmt: skip
                crc = zlib.crc32(magic)
                while size - file.tell() >= RECORD_HEAD.size:
                    head = file.read(RECORD_HEAD.size)
                    opcode, length = RECORD_HEAD.unpack(head)
                    if length > size - file.tell():
                        break
                    content = file.read(length)
                    if opcode == Opcode.DATA_END:
                        self._check("crc32 of the data section", content[:4], crc)
                        crc = 0
                    elif opcode == Opcode.FOOTER:
                        covered = head + content[: FOOTER.size - 4]
                        self._check("crc32 of the index", content[FOOTER.size - 4 : FOOTER.size], zlib.crc32(covered, crc))  # fmt: skip
                        end = file.read()
                        if not MCAP0_MAGIC.startswith(end):
                            raise DamagedLog(self.path, "structure (the end of the file)")
                        self.ended = end == MCAP0_MAGIC
                        return
                    elif opcode == INVALID:
                        if content.strip(b"\0") or any(
                            block.strip(b"\0") for block in iter(partial(file.read, 1 << 16), b"")
                        ):
                            raise DamagedLog(self.path, "structure (a record of kind 0)")
                        return  # zeros to the end: the machine lost its power before what was written was on the disk
                    else:
                        crc = zlib.crc32(content, zlib.crc32(head, crc))
                    yield opcode, content
                file.seek(-min(size, len(MCAP0_MAGIC)), 2)
                if size > len(MCAP0_MAGIC) and file.read() == MCAP0_MAGIC:
                    raise DamagedLog(self.path, "structure (a record's length)")
        except OSError as error:
            raise RefusedLog("unreadable", f"{self.path}: {error.strerror}") from error

    def groups(self) -> Iterator[list[Message]]:
        """The messages of the data section in their order: those of a chunk together; `channels` grows with them."""
        loose: list[Record] = []
        in_data_section = True
        for opcode, content in self.records():
            if opcode == Opcode.HEADER:
                self.library = self._header(content).library
            elif opcode == Opcode.DATA_END or not in_data_section:
                in_data_section = False  # what follows is an index, which repeats schemas and channels
            elif opcode == Opcode.CHUNK:
                yield self._messages([*loose, *self._opened(content)])
                loose = []
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE):
                loose.append((opcode, content))
                if len(loose) == LOOSE_RECORDS:
                    yield self._messages(loose)
                    loose = []
        if loose:
            yield self._messages(loose)

    def attachment(self, name: str) -> bytes | None:
        """The first attachment of this name, None if there is none. Skips what lies between attachments."""
        try:
            size = self.path.stat().st_size
            with open(self.path, "rb") as file:
                file.seek(len(MCAP0_MAGIC))
                while size - file.tell() >= RECORD_HEAD.size:
                    opcode, length = RECORD_HEAD.unpack(file.read(RECORD_HEAD.size))
                    if length > size - file.tell():
                        break
                    if opcode != Opcode.ATTACHMENT:
                        file.seek(length, 1)
                        continue
                    content = file.read(length)
                    self._check("crc32 of an attachment", content[-4:], zlib.crc32(content[:-4]))
                    try:
                        attachment = Attachment.read(ReadDataStream(BytesIO(content)))
                    except MALFORMED as error:
                        raise DamagedLog(self.path, f"attachment ({error})") from error
                    if attachment.name == name:
                        return attachment.data
        except OSError as error:
            raise RefusedLog("unreadable", f"{self.path}: {error.strerror}") from error
        return None

    def _messages(self, records: list[Record]) -> list[Message]:
        """The messages among these records; schemas and channels are noted."""
        messages: list[Message] = []
        kind = "record"
        try:
            for opcode, content in records:
                if opcode == Opcode.SCHEMA:
                    kind = "schema"
                    schema = Schema.read(ReadDataStream(BytesIO(content)))
                    self._schemas[schema.id] = schema
                elif opcode == Opcode.CHANNEL:
                    kind = "channel"
                    channel = Channel.read(ReadDataStream(BytesIO(content)))
                    self.channels[channel.id] = McapChannel(
                        channel.topic, channel.message_encoding, self._schemas.get(channel.schema_id)
                    )
                elif opcode == Opcode.MESSAGE:
                    kind = "message"
                    number = MESSAGE_HEAD.unpack_from(content)[0]
                    if number not in self.channels:
                        raise ValueError(f"channel {number} was not declared")
                    messages.append((self.channels[number], content[MESSAGE_HEAD.size :]))
        except MALFORMED as error:
            raise DamagedLog(self.path, f"{kind} ({error or type(error).__name__})") from error
        return messages

    def _header(self, content: bytes) -> Header:
        try:
            return Header.read(ReadDataStream(BytesIO(content)))
        except MALFORMED as error:
            raise DamagedLog(self.path, f"header ({error})") from error

    def _opened(self, content: bytes) -> list[Record]:
        """The records in a chunk."""
        try:
            chunk = Chunk.read(ReadDataStream(BytesIO(content)))
            if chunk.compression not in COMPRESSIONS:
                raise RefusedLog(
                    "unreadable", f"{self.path}: compression {chunk.compression!r}, allowed: none, lz4, zstd"
                )
            if chunk.uncompressed_size == 0:
                return []
            stream, size = get_chunk_data_stream(chunk, validate_crc=True)
            data = stream.read(size)
        except CRCValidationError as error:
            raise DamagedLog(self.path, "crc32 of a chunk", error.expected, error.actual) from error
        except RefusedLog:
            raise
        except MALFORMED as error:
            raise DamagedLog(self.path, f"chunk ({error or type(error).__name__})") from error
        if size != chunk.uncompressed_size:
            raise DamagedLog(self.path, "length of a chunk", chunk.uncompressed_size, size)
        return list(self._split(data))

    def _split(self, data: bytes) -> Iterator[Record]:
        start = 0
        while start < len(data):
            if len(data) - start < RECORD_HEAD.size:
                raise DamagedLog(self.path, "chunk (a record's head is cut)")
            opcode, length = RECORD_HEAD.unpack_from(data, start)
            start += RECORD_HEAD.size
            if length > len(data) - start:
                raise DamagedLog(self.path, "chunk (a record's length)")
            yield opcode, data[start : start + length]
            start += length

    def _check(self, where: str, stored: bytes, found: int) -> None:
        """Raise DamagedLog unless a little-endian CRC-32 is the one found, or 0: none was computed."""
        if len(stored) < 4:
            raise DamagedLog(self.path, f"structure ({where})")
        number = int.from_bytes(stored, "little")
        if number not in (0, found):
            raise DamagedLog(self.path, where, number, found)
