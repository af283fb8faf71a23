"""One part of a run's log: an MCAP file that Foxglove and PlotJuggler open, complete up to the last `flush`."""

import errno
import os
from pathlib import Path
from types import TracebackType

import numpy as np
from mcap.writer import CompressionType, Writer

from robot.logs.schema import MESSAGE_ENCODING, PACKAGE, SCHEMA_ENCODING, encode, message_definition
from robot.runtime.events import EVENT_JSON_SCHEMA, EVENT_SCHEMA, event_text, weights_dtype
from robot.runtime.records import Records
from robot.runtime.run_folder import setup_name

LIBRARY = "robot-practice"  # in the header: who wrote the file
READINGS_TOPIC, OUTPUTS_TOPIC, EVENTS_TOPIC, WEIGHTS_TOPIC = "/readings", "/outputs", "/events", "/weights"
SETUP_MEDIA_TYPE = "application/x-npz"
CHUNK_BYTES = 4 << 20  # a flush normally closes a chunk long before


def log_parts(folder: Path) -> list[Path]:
    """The parts of a run's log in order: log.mcap, then log-0002.mcap and so on, one for each life of the recorder."""
    first = folder / "log.mcap"
    return ([first] if first.exists() else []) + sorted(folder.glob("log-[0-9][0-9][0-9][0-9].mcap"))


def next_part(folder: Path) -> Path:
    """The path that the next part of a run's log goes to."""
    parts = log_parts(folder)
    if not parts:
        return folder / "log.mcap"
    number = 1 if parts[-1].name == "log.mcap" else int(parts[-1].stem[-4:])
    return folder / f"log-{number + 1:04d}.mcap"


class LogWriter:
    """Writes records to one part. What was written before the last `flush` survives the death of the process.

    Every chunk carries its CRC-32; `close` adds one over the whole file and the index.
    """

    def __init__(
        self, path: Path, records: Records, weights_size: int, compression: CompressionType = CompressionType.LZ4
    ) -> None:
        self.path = path
        self._file = open(path, "xb")  # noqa: SIM115 - closed by close()
        self._mcap = Writer(self._file, CHUNK_BYTES, compression, enable_data_crcs=True)
        self._mcap.start(library=LIBRARY)
        self._readings = self._channel(READINGS_TOPIC, "Readings", records.readings)
        self._outputs = self._channel(OUTPUTS_TOPIC, "Outputs", records.outputs)
        self._weights = self._channel(WEIGHTS_TOPIC, "Weights", weights_dtype(weights_size, records.belief))
        schema = self._mcap.register_schema(EVENT_SCHEMA, "jsonschema", EVENT_JSON_SCHEMA.encode())
        self._events = self._mcap.register_channel(EVENTS_TOPIC, "json", schema)
        self._beside: dict[str, int] = {}  # channels by topic

    def _channel(self, topic: str, name: str, dtype: np.dtype) -> int:
        schema = self._mcap.register_schema(PACKAGE + name, SCHEMA_ENCODING, message_definition(dtype).encode())
        return self._mcap.register_channel(topic, MESSAGE_ENCODING, schema)

    def _add(self, channel: int, record: np.void | np.ndarray, data: bytes) -> None:
        time_ns = max(0, round(float(record["time_s"]) * 1e9))
        self._mcap.add_message(channel, time_ns, data, time_ns, int(record["tick"]) & 0xFFFFFFFF)

    def add_readings(self, records: np.ndarray) -> None:
        """Append (n,) READINGS."""
        for record in records:
            self._add(self._readings, record, encode(record))

    def add_outputs(self, records: np.ndarray) -> None:
        """Append (n,) OUTPUTS."""
        for record in records:
            self._add(self._outputs, record, encode(record))

    def add_weights(self, records: np.ndarray) -> None:
        """Append (n,) of `weights_dtype`."""
        for record in records:
            self._add(self._weights, record, encode(record))

    def add_events(self, records: np.ndarray) -> None:
        """Append (n,) EVENT."""
        for record in records:
            self._add(self._events, record, event_text(record))

    def add_setup(self, life: int, setup: bytes) -> None:
        """Attach what the mind of a life starts from, before the life's first tick."""
        self._mcap.add_attachment(0, 0, setup_name(life), SETUP_MEDIA_TYPE, setup)

    def add_beside(self, topic: str, record: np.ndarray) -> None:
        """Append a record with tick and time_s to a topic of its own, which replay passes over: a judge's, say."""
        if topic not in self._beside:
            self._beside[topic] = self._channel(topic, topic.removeprefix("/").title(), record.dtype)
        self._add(self._beside[topic], record, encode(record))

    def flush(self) -> None:
        """Close the chunk in progress and hand it to the operating system. Raises OSError if the file was removed."""
        self._mcap.flush()
        if not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno())):
            raise FileNotFoundError(errno.ENOENT, "another file is in the log's place", str(self.path))

    def finish(self) -> None:
        """Write the index."""
        self._mcap.finish()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def close(self) -> None:
        """Write the index and close the file."""
        self.finish()
        self.abandon()

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
