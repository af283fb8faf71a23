"""Reading a run's log: all its parts, to the last complete chunk, every chunk checked."""

import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Chunk, Message, Schema
from mcap.stream_reader import CRCValidationError, breakup_chunk
from mcap.writer import MCAP0_MAGIC
from numpy.lib.recfunctions import repack_fields

from robot.logs.events import weights_dtype
from robot.logs.records import OUTPUTS, READINGS
from robot.logs.schema import PACKAGE, decode, message_definition
from robot.logs.writer import EVENTS_TOPIC, OUTPUTS_TOPIC, READINGS_TOPIC, WEIGHTS_TOPIC, log_parts

FIXED = {PACKAGE + "Readings": READINGS, PACKAGE + "Outputs": OUTPUTS}
RECORD_HEAD = struct.Struct("<BQ")  # opcode, length of the content


class DamagedLog(ValueError):
    """A part of a log whose contents do not agree with its checksums. `where` names the checksum or structure."""

    def __init__(self, path: Path, where: str, stored: int | None = None, found: int | None = None) -> None:
        numbers = "" if stored is None or found is None else f" is {stored:#010x}, the contents have {found:#010x}"
        super().__init__(f"{path}: {where}{numbers}: the log was damaged or changed after recording")
        self.where, self.stored, self.found = where, stored, found


@dataclass
class Batch:
    """The contents of one chunk, by topic, each in the order of recording."""

    readings: np.ndarray
    outputs: np.ndarray
    weights: list[np.ndarray] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


class LogReader:
    """A run's log: a run folder with all its parts, or a single MCAP file.

    Raises ValueError if there is no log, or if it was written by a version with other records; DamagedLog (while
    iterating) if a checksum is wrong. A part whose writer was killed ends with its last complete chunk.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.parts = log_parts(self.path) if self.path.is_dir() else [self.path]
        if not self.parts or not self.parts[0].is_file():
            raise ValueError(f"{path}: found no log, allowed: a run's folder with log.mcap, or an .mcap file")

    def batches(self) -> Iterator[Batch]:
        """Every chunk of every part, decoded."""
        for part in self.parts:
            yield from read_part(part)

    def contents(self, fields: Sequence[str] = ("tick",)) -> "Contents":
        """Everything of a log that fits into memory easily, in one pass; `fields`: those of the readings to keep."""
        kept = list(fields)
        batches = [(batch.outputs, repack_fields(batch.readings[kept]), batch.events) for batch in self.batches()]
        outputs = np.concatenate([np.zeros(0, OUTPUTS), *(batch[0] for batch in batches)])
        readings = np.concatenate([repack_fields(np.zeros(0, READINGS)[kept]), *(batch[1] for batch in batches)])
        keys = (outputs["life"].astype(np.uint64) << np.uint64(40)) + outputs["tick"]
        _, first = np.unique(keys, return_index=True)
        events = {json.dumps(event): event for batch in batches for event in batch[2]}
        return Contents(outputs[first], readings, list(events.values()))

    def events(self) -> list[dict[str, Any]]:
        """All events in the order of recording, each once."""
        return self.contents().events

    def outputs(self) -> np.ndarray:
        """All OUTPUTS records (n,), each tick of each life once, in order."""
        return self.contents().outputs


@dataclass
class Contents:
    """A log in memory: outputs (n,) and events each once, in order; the chosen fields of the readings as recorded."""

    outputs: np.ndarray
    readings: np.ndarray
    events: list[dict[str, Any]]


def read_part(path: Path) -> Iterator[Batch]:
    """The chunks of one MCAP file. Raises DamagedLog, or ValueError for another version's records."""
    channels: dict[int, tuple[str, np.dtype | None]] = {}
    dtypes: dict[int, np.dtype | None] = {}
    for opcode, content in read_records(path):
        if opcode == Opcode.CHUNK:
            yield read_chunk(path, content, channels, dtypes)


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every top-level record of an MCAP file as (opcode, content).

    A file without a footer ends with its last whole record: its writer was killed, and what follows was never
    promised. A file with one is checked to the last byte: the data section, then the index.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        magic = file.read(len(MCAP0_MAGIC))
        if magic != MCAP0_MAGIC[: len(magic)]:
            raise ValueError(f"{path}: begins with {magic!r}, an MCAP file begins with {MCAP0_MAGIC!r}")
        crc = zlib.crc32(magic)
        while size - file.tell() >= RECORD_HEAD.size:
            head = file.read(RECORD_HEAD.size)
            opcode, length = RECORD_HEAD.unpack(head)
            if length > size - file.tell():
                break
            content = file.read(length)
            if opcode == Opcode.DATA_END:
                check_crc(path, "crc32 of the data section", content[-4:], crc)
                crc = 0
            elif opcode == Opcode.FOOTER:
                check_crc(path, "crc32 of the index", content[-4:], zlib.crc32(head + content[:-4], crc))
                if file.read() != MCAP0_MAGIC:
                    raise DamagedLog(path, "structure (the end of the file)")
                return
            else:
                crc = zlib.crc32(content, zlib.crc32(head, crc))
            yield opcode, content
        file.seek(-min(size, len(MCAP0_MAGIC)), 2)
        if size > len(MCAP0_MAGIC) and file.read() == MCAP0_MAGIC:
            raise DamagedLog(path, "structure (a record's length)")


def read_attachment(path: Path, name: str) -> bytes | None:
    """The first attachment of this name, None if there is none. Checks attachments, and skips what lies between them.

    Raises DamagedLog if the checksum of an attachment is wrong.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(len(MCAP0_MAGIC))
        while size - file.tell() >= RECORD_HEAD.size:
            opcode, length = RECORD_HEAD.unpack(file.read(RECORD_HEAD.size))
            if length > size - file.tell():
                break
            if opcode != Opcode.ATTACHMENT:
                file.seek(length, 1)
                continue
            content = file.read(length)
            check_crc(path, "crc32 of an attachment", content[-4:], zlib.crc32(content[:-4]))
            attachment = Attachment.read(ReadDataStream(BytesIO(content)))
            if attachment.name == name:
                return attachment.data
    return None


def check_crc(path: Path, where: str, stored: bytes, found: int) -> None:
    """Raise DamagedLog unless a little-endian CRC-32 is the one found."""
    if int.from_bytes(stored, "little") != found:
        raise DamagedLog(path, where, int.from_bytes(stored, "little"), found)


def read_chunk(
    path: Path, content: bytes, channels: dict[int, tuple[str, np.dtype | None]], dtypes: dict[int, np.dtype | None]
) -> Batch:
    """Decode a chunk record; `channels` and `dtypes` collect what the file has declared so far."""
    try:
        contents = breakup_chunk(Chunk.read(ReadDataStream(BytesIO(content))), validate_crc=True)
    except CRCValidationError as error:
        raise DamagedLog(path, "crc32 of a chunk", error.expected, error.actual) from error
    except (RuntimeError, McapError, struct.error, UnicodeDecodeError, OverflowError) as error:  # lz4: RuntimeError
        raise DamagedLog(path, f"chunk ({error})") from error
    messages: dict[str, list[bytes]] = defaultdict(list)
    for entry in contents:
        if isinstance(entry, Message):
            messages[channels[entry.channel_id][0]].append(entry.data)
        elif isinstance(entry, Schema):
            dtypes[entry.id] = dtype_of(path, entry)
        elif isinstance(entry, Channel):
            channels[entry.id] = (entry.topic, dtypes[entry.schema_id])
    declared = {topic: dtype for topic, dtype in channels.values() if dtype is not None}
    return Batch(
        readings=decode(messages[READINGS_TOPIC], READINGS),
        outputs=decode(messages[OUTPUTS_TOPIC], OUTPUTS),
        weights=list(decode(messages[WEIGHTS_TOPIC], declared[WEIGHTS_TOPIC])),
        events=[json.loads(text) for text in messages[EVENTS_TOPIC]],
    )


def dtype_of(path: Path, schema: Schema) -> np.dtype | None:
    """The records that a schema describes, None for JSON. Raises ValueError if this version's are different."""
    definition = schema.data.decode()
    if schema.encoding == "jsonschema":
        return None
    if schema.name == PACKAGE + "Weights":
        dtype = weights_dtype(int(definition.rsplit("[", 1)[1].split("]")[0]))
    elif schema.name in FIXED:
        dtype = FIXED[schema.name]
    else:
        raise ValueError(f"{path}: schema {schema.name} is unknown, allowed: {', '.join(FIXED)}, {PACKAGE}Weights")
    if definition != message_definition(dtype):
        ours, theirs = message_definition(dtype).splitlines(), definition.splitlines()
        differing = sorted(set(ours) ^ set(theirs)) or ["the order of fields"]
        raise ValueError(f"{path}: {schema.name} was written by another version: '{differing[0]}' is not in both")
    return dtype
