"""The log of a real flight, or one on the virtual drone: log.mcap, which Foxglove and PlotJuggler open.

`/flight` has a record a tick, `/events` JSON in the form that every run has: take-off, hand-over, landing, trouble.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from mcap.writer import CompressionType, Writer

from policies.array_file import named
from robot.logs.mcap_file import DamagedLog, McapFile, RefusedLog
from robot.logs.schema import MESSAGE_ENCODING, PACKAGE, SCHEMA_ENCODING, decode, encode, message_definition
from robot.logs.writer import LIBRARY
from robot.runtime.events import EVENT_JSON_SCHEMA, EVENT_SCHEMA, event_text, make_event

LOG_FILE = "log.mcap"  # in a run's folder
FLIGHT_TOPIC, EVENTS_TOPIC = "/flight", "/events"
FLUSH_TICKS = 50  # what a killed process loses at most

FLIGHT = np.dtype(
    [
        ("tick", "u8"),
        ("time_s", "f8"),  # since the motors were armed
        ("position_age_s", "f8"),
        ("attitude_age_s", "f8"),
        ("lateness_s", "f8"),  # of this tick
        ("position_m", "f4", (3,)),  # the drone's own estimate, world
        ("velocity_m_s", "f4", (3,)),
        ("attitude", "f4", (4,)),  # quaternion w, x, y, z, body to world
        ("rate_rad_s", "f4", (3,)),
        ("set_point_m", "f4", (3,)),  # as it was sent; NaN when none was
        ("goal_m", "f4", (3,)),  # where the drone should be: on a path, ahead of the set-point
        ("true_position_m", "f4", (3,)),  # the simulator's, on the virtual drone; NaN on a real one
        ("battery_v", "f4"),
        ("phase", "u4"),  # robot.robots.quadrotor.mission.Phase
        ("supervisor", "u4"),  # bits of drivers.crazyflie
        ("policy_flies", "u4"),  # 1: the policy has the rotors
    ],
    align=True,
)


class FlightLog:
    """Writes one flight. What is older than FLUSH_TICKS ticks survives the death of the process.

    A disk that fills up meanwhile must not end a flight in the air: the log then stops, and leaving the `with` block,
    after the landing, raises the OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure: OSError | None = None
        self._file = open(path, "xb")  # noqa: SIM115 - closed by close()
        try:
            self._mcap = Writer(self._file, compression=CompressionType.LZ4, enable_data_crcs=True)
            self._mcap.start(library=LIBRARY)
            schema = self._mcap.register_schema(
                PACKAGE + "Flight", SCHEMA_ENCODING, message_definition(FLIGHT).encode()
            )
            self._flight = self._mcap.register_channel(FLIGHT_TOPIC, MESSAGE_ENCODING, schema)
            schema = self._mcap.register_schema(EVENT_SCHEMA, "jsonschema", EVENT_JSON_SCHEMA.encode())
            self._events = self._mcap.register_channel(EVENTS_TOPIC, "json", schema)
            self._mcap.flush()
            self._file.flush()
        except OSError as error:
            raise named(error, path) from error

    def add(self, record: np.ndarray) -> None:
        """Append a FLIGHT record."""
        time_ns = _ns(float(record["time_s"]))
        self._add(self._flight, time_ns, encode(record), int(record["tick"]))
        if record["tick"] % FLUSH_TICKS == 0:
            self._try(self._mcap.flush)

    def add_event(self, kind: str, tick: int, time_s: float, **fields: Any) -> None:
        """Append an event; see `robot.runtime.events.make_event`."""
        self._add(self._events, _ns(time_s), event_text(make_event(kind, tick, time_s, **fields)), tick)

    def close(self) -> None:
        """Write the index and close the file."""
        self._try(self._mcap.finish)
        try:
            self._file.close()
        except OSError as error:
            self.failure = self.failure or named(error, self.path)

    def _add(self, channel: int, time_ns: int, data: bytes, tick: int) -> None:
        self._try(lambda: self._mcap.add_message(channel, time_ns, data, time_ns, tick))

    def _try(self, write: Callable[[], None]) -> None:
        """After the first failure nothing more is written: the writer's own state no longer fits the file."""
        if self.failure is None:
            try:
                write()
            except OSError as error:
                self.failure = named(error, self.path)

    def __enter__(self) -> "FlightLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
        if self.failure is not None and error is None:
            raise self.failure


def is_flight(run: Path) -> bool:
    """Whether a run's folder has the log of a flight, and not of practice."""
    if not (run / LOG_FILE).is_file():
        return False
    file = McapFile(run / LOG_FILE)
    next(file.groups(), None)  # the first chunk has all channels
    return any(channel.topic == FLIGHT_TOPIC for channel in file.channels.values())


def read_flight(path: Path) -> tuple[np.ndarray, list[bytes]]:
    """The FLIGHT records (n,) of a log and its events as JSON, up to the last whole chunk.

    Raises ValueError for another version's records, and for a file that is damaged.
    """
    records, events = [], []
    for group in McapFile(path).groups():
        for channel, data in group:
            if channel.topic == FLIGHT_TOPIC:
                if channel.schema is None or channel.schema.data != message_definition(FLIGHT).encode():
                    raise RefusedLog(
                        "other version", f"{path}: {channel.kind or FLIGHT_TOPIC} was written by another version"
                    )
                records.append(data)
            elif channel.topic == EVENTS_TOPIC:
                events.append(data)
    try:
        return decode(records, FLIGHT), events
    except ValueError as error:
        raise DamagedLog(path, str(error)) from error


def _ns(time_s: float) -> int:
    return max(0, round(time_s * 1e9))
