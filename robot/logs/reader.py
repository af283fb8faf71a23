"""Reading a run's log: all its parts, to the last complete chunk, every chunk checked."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.recfunctions import repack_fields

from robot.logs.mcap_file import DamagedLog, McapChannel, McapFile, Message, RefusedLog
from robot.logs.schema import MESSAGE_ENCODING, PACKAGE, decode, dtype_of_definition, message_definition
from robot.logs.writer import EVENTS_TOPIC, LIBRARY, OUTPUTS_TOPIC, READINGS_TOPIC, WEIGHTS_TOPIC, log_parts
from robot.runtime.events import EVENT_SCHEMA, weights_dtype
from robot.runtime.records import OUTPUTS_HEAD, READINGS_HEAD

RECORDS = {READINGS_TOPIC: "Readings", OUTPUTS_TOPIC: "Outputs", WEIGHTS_TOPIC: "Weights"}
NEEDED = {
    READINGS_TOPIC: [field[0] for field in READINGS_HEAD],
    OUTPUTS_TOPIC: [field[0] for field in OUTPUTS_HEAD],
    WEIGHTS_TOPIC: weights_dtype(1).names or (),
}
EARLIER_TOPIC = "/flight"  # of versions whose flights had a log of their own
NOTHING = np.dtype([("tick", "u8"), ("life", "u8")])  # of a chunk without a tick, and of a log without any


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
        outputs: list[np.ndarray] = []
        readings: list[np.ndarray] = []
        events: dict[str, dict[str, Any]] = {}
        for batch in self.batches():
            if len(batch.outputs):
                outputs.append(batch.outputs)
            if len(batch.readings):
                readings.append(repack_fields(batch.readings[kept]))
            events |= {json.dumps(event): event for event in batch.events}
        whole = np.concatenate(outputs or [np.zeros(0, NOTHING)])
        keys = (whole["life"].astype(np.uint64) << np.uint64(40)) + whole["tick"]
        _, first = np.unique(keys, return_index=True)
        shown = np.concatenate(readings or [np.zeros(0, NOTHING)])
        return Contents(whole[first], shown, list(events.values()), self.complete)

    def events(self) -> list[dict[str, Any]]:
        """All events in the order of recording, each once."""
        return self.contents().events

    def outputs(self) -> np.ndarray:
        """All OUTPUTS records (n,), each tick of each life once, in order."""
        return self.contents().outputs


@dataclass
class Contents:
    """A log in memory: outputs (n,) and events each once, in order; the chosen fields of the readings as recorded; complete:
    whether the log has its end.
    """

    outputs: np.ndarray
    readings: np.ndarray
    events: list[dict[str, Any]]
    complete: bool


class PartReader:
    """Decodes one MCAP file. Channels that are not this project's are skipped: others may have merged theirs in."""

    def __init__(self, path: Path) -> None:
        self.file = McapFile(path)
        self.dtypes: dict[McapChannel, np.dtype] = {}

    def batches(self) -> Iterator[Batch]:
        """What each chunk holds. Raises RefusedLog for another version's records, DamagedLog for what makes no sense."""
        for group in self.file.groups():
            yield self._batch(group)

    def check_origin(self) -> None:
        """After the last batch: raises RefusedLog if nothing in the file is this project's."""
        others = [channel.topic for channel in self.file.channels.values() if not of_ours(channel)]
        ours = any(of_ours(channel) and channel.topic in RECORDS for channel in self.file.channels.values())
        by_others = self.file.library is not None and not self.file.library.startswith(LIBRARY)
        if not ours and (others or by_others):
            topics = f"its topics are {', '.join(sorted(set(others))[:5])}" if others else "it has no topics"
            raise RefusedLog("foreign", f"{self.file.path}: not a log of robot-practice: holds no ticks ({topics})")

    def _batch(self, group: list[Message]) -> Batch:
        messages: dict[str, list[bytes]] = {topic: [] for topic in (READINGS_TOPIC, OUTPUTS_TOPIC, EVENTS_TOPIC)}
        weights: list[np.ndarray] = []
        for channel, data in group:
            if channel.topic == EARLIER_TOPIC and channel.kind.startswith(PACKAGE):
                raise RefusedLog(
                    "other version",
                    f"{self.file.path}: {channel.topic} was written by another version, which kept no readings of a flight",
                )
            if not of_ours(channel):
                continue
            if channel.topic in RECORDS and channel not in self.dtypes:
                self.dtypes[channel] = dtype_of(self.file.path, channel)
            if channel.topic == WEIGHTS_TOPIC:
                weights.extend(self._decoded([data], self.dtypes[channel]))
            else:
                messages[channel.topic].append(data)
        try:
            events = [event_of(text) for text in messages[EVENTS_TOPIC]]
        except ValueError as error:
            raise DamagedLog(self.file.path, str(error)) from error
        known = {channel.topic: dtype for channel, dtype in self.dtypes.items()}
        readings, outputs = (
            self._decoded(messages[topic], known.get(topic, NOTHING)) for topic in (READINGS_TOPIC, OUTPUTS_TOPIC)
        )
        return Batch(readings, outputs, weights, events)

    def _decoded(self, messages: list[bytes], dtype: np.dtype) -> np.ndarray:
        try:
            return decode(messages, dtype)
        except ValueError as error:
            raise DamagedLog(self.file.path, str(error)) from error


def read_beside(path: Path, topic: str, dtype: np.dtype) -> np.ndarray:
    """The records (n,) of a topic that was written by `LogWriter.add_beside`. Raises RefusedLog for those of another version."""
    messages: list[bytes] = []
    for group in McapFile(path).groups():
        for channel, data in group:
            if channel.topic == topic:
                if channel.schema is None or channel.schema.data != message_definition(dtype).encode():
                    raise RefusedLog("other version", f"{path}: {topic} was written by another version")
                messages.append(data)
    try:
        return decode(messages, dtype)
    except ValueError as error:
        raise DamagedLog(path, str(error)) from error


def of_ours(channel: McapChannel) -> bool:
    """Whether this project wrote what comes in this channel."""
    if channel.topic == EVENTS_TOPIC:
        return channel.kind == EVENT_SCHEMA
    return channel.topic in RECORDS and channel.kind == PACKAGE + RECORDS[channel.topic]


def event_of(text: bytes) -> dict[str, Any]:
    """An event's fields. Raises ValueError for what is none."""
    try:
        event = json.loads(text)
    except RecursionError:
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        raise ValueError(f"event {text[:40]!r}, needed: a JSON object with a kind")
    return event


def dtype_of(path: Path, channel: McapChannel) -> np.dtype:
    """The records in a channel of ours, as its schema says. Raises RefusedLog for a schema that makes no sense."""
    assert channel.schema is not None
    try:
        dtype = dtype_of_definition(channel.schema.data.decode(errors="replace"))
    except ValueError as error:
        raise RefusedLog("other version", f"{path}: {channel.kind} was written by another version: {error}") from error
    missing = [name for name in NEEDED[channel.topic] if name not in (dtype.names or ())]
    if missing:
        raise RefusedLog(
            "other version", f"{path}: {channel.kind} was written by another version: '{missing[0]}' is missing"
        )
    if channel.encoding != MESSAGE_ENCODING:
        raise RefusedLog(
            "other version",
            f"{path}: {channel.topic} is encoded as {channel.encoding!r}, allowed: {MESSAGE_ENCODING!r}",
        )
    return dtype
