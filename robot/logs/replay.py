"""The same decisions again: feeds a log's readings to a mind and compares every output, byte for byte.

What decides is deterministic and gets to know only the readings, the setup of its life and the weights in the log, so
any difference means that a record was changed, or that the program decides otherwise than it did.
"""

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from robot.logs.mcap_file import DamagedLog, RefusedLog
from robot.logs.reader import LogReader
from robot.logs.schema import message_definition
from robot.logs.setups import mind_for
from robot.runtime.events import belief_in
from robot.runtime.robot import Mind

Outcome = Literal[
    "equal", "different", "damaged", "failed", "foreign", "other version", "empty", "gap", "unreadable", "cut"
]


class Difference(msgspec.Struct, frozen=True):
    """Where replay and log part: values are those of the log and of the replay, numbers or text."""

    tick: int
    field: str
    logged: Any
    replayed: Any


class ReplayReport(msgspec.Struct, frozen=True):
    """What came of one log.

    equal: no difference was found, and the log could be replayed. complete: whether the log has its end (False: it was
    cut, or its recorder was killed; None: not read that far). ticks: how many were replayed. speed: robot time over
    wall time, None without ticks. reason: why the outcome is not `equal`, in one line.
    """

    outcome: Outcome
    equal: bool
    complete: bool | None
    ticks: int
    speed: float | None
    first_difference: Difference | None
    reason: str = ""

    @staticmethod
    def refused(outcome: Outcome, reason: str) -> "ReplayReport":
        """Of a log that was not replayed."""
        return ReplayReport(outcome, False, None, 0, None, None, reason)


@dataclass(frozen=True)
class Tick:
    """One tick of the log, and the weights that were taken into use right before it, if any."""

    readings: np.ndarray
    outputs: np.ndarray
    weights: np.ndarray | None


def ticks(log: LogReader) -> Iterator[Tick]:
    """Every tick of a log in order, each once: what a restarted recorder read again is left out.

    A life of the control process may end in a tick whose outputs are missing (it was killed); any other missing record
    is a gap. Raises RefusedLog for a gap or for weights that are not in the log, DamagedLog for a wrong checksum.
    """
    readings: deque[np.ndarray] = deque()
    outputs: deque[np.ndarray] = deque()
    known: dict[int, np.ndarray] = {}
    newest = {"readings": (0, 0), "outputs": (0, 0)}
    last, version = (0, 0), 0
    for batch in log.batches():
        known |= {int(weights["version"]): weights for weights in batch.weights}
        for topic, records, queue in (("readings", batch.readings, readings), ("outputs", batch.outputs, outputs)):
            for record in records:
                if key(record) > newest[topic]:
                    newest[topic] = key(record)
                    queue.append(record)
        while readings and outputs:
            here, there = key(readings[0]), key(outputs[0])
            if here[0] < there[0] and (len(readings) == 1 or readings[1]["life"] > here[0]):
                readings.popleft()  # this life was killed between its last tick's two records
                continue
            if here != there:
                raise RefusedLog("gap", f"{log.path}: tick {min(here, there)[1]} of life {min(here, there)[0]} has no "
                                 f"{'outputs' if here < there else 'readings'}: a gap cannot be replayed")  # fmt: skip
            reading = readings.popleft()
            check_follows(log.path, last, reading)
            if here[0] != last[0]:
                version = 0
            taken = int(reading["weights_version"])
            if taken != version and taken not in known:
                raise RefusedLog(
                    "gap", f"{log.path}: weights version {taken}, in use at tick {here[1]}, are not in the log"
                )
            yield Tick(reading, outputs.popleft(), known[taken] if taken != version else None)
            last, version = (here[0], int(reading["tick"] - reading["missed_ticks"])), taken


def key(record: np.ndarray) -> tuple[int, int]:
    """(life, tick): increases from record to record."""
    return int(record["life"]), int(record["tick"])


def check_follows(path: Path, last: tuple[int, int], reading: np.ndarray) -> None:
    """Raise RefusedLog unless this is the tick after `last`, a (life, number of ticks so far), or a life's first."""
    life, number = int(reading["life"]), int(reading["tick"] - reading["missed_ticks"])
    expected = last[1] + 1 if life == last[0] else 1
    if number != expected:
        raise RefusedLog("gap", f"{path}: {number - expected} ticks are missing before tick {reading['tick']} of life "
                         f"{life}: a gap cannot be replayed")  # fmt: skip


def replay(path: Path | str, make_mind: Callable[[int], Mind] | None = None) -> ReplayReport:
    """Replay a log (a run's folder or one MCAP file) up to its end or its first difference.

    `make_mind(life)` gives the mind as it was when that life of the control process began; without it, it is
    made from the setup that the log carries.

    Raises RefusedLog (a ValueError) for a log that has a gap, is foreign, another version's, or holds no ticks. Damage
    that a checksum reveals is reported as a difference, at the first tick that can no longer be read.
    """
    path = Path(path)
    make_mind = make_mind or own_mind(path)
    count, life, spent_s = 0, -1, 0.0
    difference: Difference | None = None
    outcome: Outcome = "different"
    reason = ""
    tick = 0
    log = LogReader(path)
    started = time.perf_counter()
    try:
        for entry in ticks(log):
            tick = int(entry.readings["tick"])
            if entry.readings["life"] != life:
                spent_s += time.perf_counter() - started
                life = int(entry.readings["life"])
                mind = make_mind(life)  # loading and compiling is not replaying
                current = np.zeros((), mind.records.readings)
                check_records(path, entry, mind)
                started = time.perf_counter()
            if entry.weights is not None:
                difference = changed_weights(tick, entry.weights)
                if difference:
                    break
                mind.set_weights(entry.weights["weights"].copy(), belief_in(entry.weights))
            current[...] = entry.readings
            mind.tick(current)
            count += 1
            if mind.outputs.tobytes() != entry.outputs.tobytes():
                difference = first_difference(entry.outputs, mind.outputs)
                break
    except DamagedLog as damage:
        difference, outcome = Difference(tick + 1, damage.where, damage.stored, damage.found), "damaged"
        reason = f"{damage}; equal for {count} ticks before"
    spent_s += time.perf_counter() - started
    speed = count * mind.tick_s / spent_s if count else None
    if difference is not None:
        reason = reason or (f"differs first at tick {difference.tick}, {difference.field}: logged {difference.logged}, "
                            f"replayed {difference.replayed}")  # fmt: skip
        return ReplayReport(outcome, False, None, count, speed, difference, reason)
    if count == 0:
        raise RefusedLog("empty", f"{path}: holds no ticks{'' if log.complete else ', and has no end'}")
    if not log.complete:
        reason = f"equal for {count} ticks, up to tick {tick} of life {life}; no end follows: cut, or its recorder was killed"
        return ReplayReport("cut", True, False, count, speed, None, reason)
    return ReplayReport("equal", True, True, count, speed, None)


def own_mind(log: Path) -> Callable[[int], Mind]:
    """The minds that a log's own setups describe."""
    return lambda life: mind_for(log, life)


def check_records(path: Path, tick: Tick, mind: Mind) -> None:
    """Raise RefusedLog unless the log's records are those of the mind."""
    for name, theirs, ours in (
        ("Readings", tick.readings.dtype, mind.records.readings), ("Outputs", tick.outputs.dtype, mind.records.outputs),
    ):  # fmt: skip
        if theirs != ours:
            differing = sorted(
                set(message_definition(theirs).splitlines()) ^ set(message_definition(ours).splitlines())
            )
            raise RefusedLog("other version", f"{path}: {name} was written by another version: "
                             f"'{(differing or ['the order of fields'])[0]}' is not in both")  # fmt: skip


def changed_weights(tick: int, weights: np.ndarray) -> Difference | None:
    """The difference between a weights record's checksum and its contents."""
    found = zlib.crc32(weights["weights"].tobytes())
    stored = int(weights["crc32"])
    return None if found == stored else Difference(tick, f"weights {weights['version']} crc32", stored, found)


def first_difference(logged: np.ndarray, replayed: np.ndarray, within: str = "", tick: int = -1) -> Difference:
    """The first field, in the order of the record, whose bytes differ; of an array, its first element."""
    tick = int(logged["tick"]) if tick < 0 else tick
    for name in logged.dtype.names or ():
        if logged.dtype[name].fields is not None:
            if logged[name].tobytes() != replayed[name].tobytes():
                return first_difference(logged[name], replayed[name], f"{within}{name}.", tick)
            continue
        theirs, ours = np.atleast_1d(logged[name]), np.atleast_1d(replayed[name])
        for index in range(len(theirs)):
            if theirs[index].tobytes() != ours[index].tobytes():
                label = f"{within}{name}[{index}]" if logged.dtype[name].shape else within + name
                return Difference(tick, label, plain(theirs[index]), plain(ours[index]))
    raise AssertionError("records differ in no field: their layout has padding")


def plain(value: np.generic) -> Any:
    """A number for JSON, as text where JSON has none."""
    number = value.item()
    return number if not isinstance(number, float) or np.isfinite(number) else str(number)
