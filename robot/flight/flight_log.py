"""The log of a real flight, or one on the virtual drone: log.mcap, which Foxglove and PlotJuggler open.

`/flight` has a record a tick, `/events` JSON in the form that every run has: take-off, hand-over, landing, trouble.
"""

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from robot.logs.events import EVENT_JSON_SCHEMA, event_text, make_event
from robot.logs.schema import MESSAGE_ENCODING, PACKAGE, SCHEMA_ENCODING, decode, encode, message_definition

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
        ("phase", "u4"),  # robot.flight.mission.Phase
        ("supervisor", "u4"),  # bits of drivers.crazyflie
        ("policy_flies", "u4"),  # 1: the policy has the rotors
    ],
    align=True,
)


class FlightLog:
    """Writes one flight. What is older than FLUSH_TICKS ticks survives the death of the process."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "xb")  # noqa: SIM115 - closed by close()
        self._mcap = Writer(self._file, compression=CompressionType.LZ4, enable_data_crcs=True)
        self._mcap.start(library="robot-practice")
        schema = self._mcap.register_schema(PACKAGE + "Flight", SCHEMA_ENCODING, message_definition(FLIGHT).encode())
        self._flight = self._mcap.register_channel(FLIGHT_TOPIC, MESSAGE_ENCODING, schema)
        schema = self._mcap.register_schema("robot_practice.Event", "jsonschema", EVENT_JSON_SCHEMA.encode())
        self._events = self._mcap.register_channel(EVENTS_TOPIC, "json", schema)

    def add(self, record: np.ndarray) -> None:
        """Append a FLIGHT record."""
        time_ns = _ns(float(record["time_s"]))
        self._mcap.add_message(self._flight, time_ns, encode(record), time_ns, int(record["tick"]))
        if record["tick"] % FLUSH_TICKS == 0:
            self._mcap.flush()

    def add_event(self, kind: str, tick: int, time_s: float, **fields: Any) -> None:
        """Append an event; see `robot.logs.events.make_event`."""
        text = event_text(make_event(kind, tick, time_s, **fields))
        self._mcap.add_message(self._events, _ns(time_s), text, _ns(time_s), tick)

    def close(self) -> None:
        """Write the index and close the file."""
        self._mcap.finish()
        self._file.close()

    def __enter__(self) -> "FlightLog":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def is_flight(run: Path) -> bool:
    """Whether a run's folder has the log of a flight, and not of practice."""
    if not (run / LOG_FILE).is_file():
        return False
    with open(run / LOG_FILE, "rb") as file:
        return next(make_reader(file).iter_messages(FLIGHT_TOPIC), None) is not None


def read_flight(path: Path) -> tuple[np.ndarray, list[bytes]]:
    """The FLIGHT records (n,) of a log and its events as JSON. Raises ValueError for another version's records."""
    records, events = [], []
    with open(path, "rb") as file:
        for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages():
            if channel.topic == FLIGHT_TOPIC:
                assert schema is not None
                if schema.data.decode() != message_definition(FLIGHT):
                    raise ValueError(f"{path}: {schema.name} was written by another version")
                records.append(message.data)
            else:
                events.append(message.data)
    return decode(records, FLIGHT), events


def _ns(time_s: float) -> int:
    return max(0, round(time_s * 1e9))
