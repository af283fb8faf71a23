"""Reading a run's log: all its parts, to the last complete chunk, every chunk checked."""

import json
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Schema
from numpy.lib.recfunctions import repack_fields

from robot.logs.events import weights_dtype
from robot.logs.mcap_file import MALFORMED, DamagedLog, McapFile, Record, RefusedLog
from robot.logs.records import OUTPUTS, READINGS
from robot.logs.schema import MESSAGE_ENCODING, PACKAGE, decode, message_definition
from robot.logs.writer import EVENTS_TOPIC, LIBRARY, OUTPUTS_TOPIC, READINGS_TOPIC, WEIGHTS_TOPIC, log_parts

RECORDS = {READINGS_TOPIC: "Readings", OUTPUTS_TOPIC: "Outputs", WEIGHTS_TOPIC: "Weights"}
FIXED = {PACKAGE + "Readings": READINGS, PACKAGE + "Outputs": OUTPUTS}
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, two times


@dataclass
class Batch:
    """The contents of one chunk, by topic, each in the order of recording."""

    readings: np.ndarray
    outputs: np.ndarray
    weights: list[np.ndarray] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


class LogReader:
    """A run's log: a run folder with all its parts, or a single MCAP file.

    complete: whether the log has its end, known once `batches` has come there. The part of a recorder that was killed
    has none, but the next one goes on from it.

    Raises RefusedLog if there is no log, or (while iterating) if it is not one of this project, or of a version with
    other records; DamagedLog (while iterating) if a checksum is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.parts = log_parts(self.path) if self.path.is_dir() else [self.path]
        self.complete = False
        if not self.parts or not self.parts[0].is_file():
            raise RefusedLog(
                "foreign", f"{path}: found no log, allowed: a run's folder with log.mcap, or an .mcap file"
            )

    def batches(self) -> Iterator[Batch]:
        """Every chunk of every part, decoded."""
        self.complete, complete = False, True
        cut, life = False, 0  # cut: the part before has no end, and nothing has shown yet that this one goes on from it
        for part in self.parts:
            reader = PartReader(part)
            for batch in reader.batches():
                if len(batch.readings):
                    complete &= not cut or int(batch.readings["life"][0]) == life
                    cut, life = False, int(batch.readings["life"][-1])
                yield batch
            reader.check_origin()
            cut |= not reader.file.ended
        self.complete = complete and not cut

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


class PartReader:
    """Decodes one MCAP file. Channels that are not this project's are skipped: others may have merged theirs in."""

    def __init__(self, path: Path) -> None:
        self.file = McapFile(path)
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, tuple[str, np.dtype | None] | None] = {}  # topic and records (None: JSON) of our own
        self.foreign: list[str] = []  # topics of the others

    def batches(self) -> Iterator[Batch]:
        """What each chunk holds. Raises RefusedLog for another version's records, DamagedLog for what makes no sense."""
        for group in self.file.groups():
            yield self._batch(group)

    def check_origin(self) -> None:
        """After the last batch: raises RefusedLog if nothing in the file is this project's."""
        ours = any(known is not None and known[0] in RECORDS for known in self.channels.values())
        by_others = self.file.library is not None and not self.file.library.startswith(LIBRARY)
        if not ours and (self.foreign or by_others):
            topics = f"its topics are {', '.join(self.foreign[:5])}" if self.foreign else "it has no topics"
            what = "a flight's log, in which there is nothing to replay" if "/flight" in self.foreign else topics
            raise RefusedLog("foreign", f"{self.file.path}: not a log of robot-practice: holds no ticks ({what})")

    def _batch(self, group: list[Record]) -> Batch:
        messages: dict[str, list[bytes]] = {topic: [] for topic in (READINGS_TOPIC, OUTPUTS_TOPIC, EVENTS_TOPIC)}
        weights: list[np.ndarray] = []
        where = "schema or channel"
        try:
            for opcode, content in group:
                if opcode == Opcode.SCHEMA:
                    schema = Schema.read(ReadDataStream(BytesIO(content)))
                    self.schemas[schema.id] = schema
                elif opcode == Opcode.CHANNEL:
                    self._declare(Channel.read(ReadDataStream(BytesIO(content))))
                elif opcode == Opcode.MESSAGE:
                    where = "message"
                    channel = MESSAGE_HEAD.unpack_from(content)[0]
                    if channel not in self.channels:
                        raise ValueError(f"channel {channel} was not declared")
                    topic, dtype = self.channels[channel] or ("", None)
                    if not topic:
                        continue
                    if topic == WEIGHTS_TOPIC and dtype is not None:
                        weights.extend(decode([content[MESSAGE_HEAD.size :]], dtype))
                    else:
                        messages[topic].append(content[MESSAGE_HEAD.size :])
            return Batch(
                readings=decode(messages[READINGS_TOPIC], READINGS),
                outputs=decode(messages[OUTPUTS_TOPIC], OUTPUTS),
                weights=weights,
                events=[event_of(text) for text in messages[EVENTS_TOPIC]],
            )
        except RefusedLog:
            raise
        except MALFORMED as error:
            raise DamagedLog(self.file.path, f"{where} ({error or type(error).__name__})") from error

    def _declare(self, channel: Channel) -> None:
        """Note what a channel carries."""
        schema = self.schemas.get(channel.schema_id)
        name = schema.name if schema else ""
        if channel.topic == EVENTS_TOPIC and name == "robot_practice.Event":
            self.channels[channel.id] = channel.topic, None
        elif schema and channel.topic in RECORDS and name == PACKAGE + RECORDS[channel.topic]:
            if channel.message_encoding != MESSAGE_ENCODING:
                raise RefusedLog("other version", f"{self.file.path}: {channel.topic} is encoded as "
                                 f"{channel.message_encoding!r}, this version's is {MESSAGE_ENCODING!r}")  # fmt: skip
            self.channels[channel.id] = channel.topic, dtype_of(self.file.path, schema)
        else:
            self.channels[channel.id] = None
            if channel.topic not in self.foreign:
                self.foreign.append(channel.topic)


def event_of(text: bytes) -> dict[str, Any]:
    """An event's fields. Raises ValueError for what is none."""
    try:
        event = json.loads(text)
    except RecursionError:
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        raise ValueError(f"event {text[:40]!r}, needed: a JSON object with a kind")
    return event


def dtype_of(path: Path, schema: Schema) -> np.dtype:
    """The records that a schema of ours describes. Raises RefusedLog if this version's are different."""
    definition = schema.data.decode(errors="replace")
    if schema.name in FIXED:
        dtype = FIXED[schema.name]
    else:
        length = re.search(r"^float32\[(\d{1,9})\] weights$", definition, re.MULTILINE)
        dtype = weights_dtype(int(length[1]) if length else 1)
    if definition != message_definition(dtype):
        ours, theirs = message_definition(dtype).splitlines(), definition.splitlines()
        differing = sorted(set(ours) ^ set(theirs)) or ["the order of fields"]
        raise RefusedLog("other version", f"{path}: {schema.name} was written by another version: '{differing[0]}' is "
                         "not in both")  # fmt: skip
    return dtype
