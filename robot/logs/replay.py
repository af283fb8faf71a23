"""The same decisions again: feeds a log's readings to a pipeline and compares every output, byte for byte.

What decides is deterministic and gets to know only the readings, the setup of its life and the weights in the log, so
any difference means that a record was changed, or that the program decides otherwise than it did.
"""

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from robot.logs.junit import TestCase, write_junit
from robot.logs.reader import DamagedLog, LogReader
from robot.logs.records import OUTPUTS, READINGS
from robot.logs.writer import log_parts
from robot.tasks.race_track import TICK_S


class ReplayablePipeline(Protocol):
    """What replay needs of a pipeline: `tick` reads a READINGS record and fills `outputs` (OUTPUTS)."""

    outputs: np.ndarray

    def tick(self, readings: np.ndarray) -> None: ...

    def set_weights(self, weights: np.ndarray) -> None: ...


class Difference(msgspec.Struct, frozen=True):
    """Where replay and log part: values are those of the log and of the replay, numbers or text."""

    tick: int
    field: str
    logged: Any
    replayed: Any


class ReplayReport(msgspec.Struct, frozen=True):
    """`speed` is robot time over wall time, None when no tick was replayed."""

    equal: bool
    ticks: int
    speed: float | None
    first_difference: Difference | None


@dataclass(frozen=True)
class Tick:
    """One tick of the log, and the weights that were taken into use right before it, if any."""

    readings: np.ndarray
    outputs: np.ndarray
    weights: np.ndarray | None


def ticks(log: LogReader) -> Iterator[Tick]:
    """Every tick of a log in order, each once: what a restarted recorder read again is left out.

    A life of the control process may end in a tick whose outputs are missing (it was killed); any other missing record
    is a gap. Raises ValueError for a gap or for weights that are not in the log, DamagedLog for a wrong checksum.
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
                raise ValueError(f"{log.path}: tick {min(here, there)[1]} of life {min(here, there)[0]} has no "
                                 f"{'outputs' if here < there else 'readings'}: a gap cannot be replayed")  # fmt: skip
            reading = readings.popleft()
            check_follows(log.path, last, reading)
            if here[0] != last[0]:
                version = 0
            taken = int(reading["weights_version"])
            if taken != version and taken not in known:
                raise ValueError(f"{log.path}: weights version {taken}, in use at tick {here[1]}, are not in the log")
            yield Tick(reading, outputs.popleft(), known[taken] if taken != version else None)
            last, version = (here[0], int(reading["tick"] - reading["missed_ticks"])), taken


def key(record: np.ndarray) -> tuple[int, int]:
    """(life, tick): increases from record to record."""
    return int(record["life"]), int(record["tick"])


def check_follows(path: Path, last: tuple[int, int], reading: np.ndarray) -> None:
    """Raise ValueError unless this is the tick after `last`, a (life, number of ticks so far), or a life's first."""
    life, number = int(reading["life"]), int(reading["tick"] - reading["missed_ticks"])
    expected = last[1] + 1 if life == last[0] else 1
    if number != expected:
        raise ValueError(f"{path}: {number - expected} ticks are missing before tick {reading['tick']} of life {life}: "
                         "a gap cannot be replayed")  # fmt: skip


def replay(path: Path, make_pipeline: Callable[[int], ReplayablePipeline]) -> ReplayReport:
    """Replay a log (a run's folder or one file) up to its end or its first difference.

    `make_pipeline(life)` gives the pipeline as it was when that life of the control process began.

    Raises ValueError for a log that has a gap, is another version's, or holds no ticks. Damage that a checksum reveals
    is reported as a difference, at the first tick that can no longer be read.
    """
    count, life, spent_s = 0, 0, 0.0
    difference = None
    current = np.zeros((), READINGS)
    tick = 0
    started = time.perf_counter()
    try:
        for entry in ticks(LogReader(path)):
            tick = int(entry.readings["tick"])
            if entry.readings["life"] != life:
                spent_s += time.perf_counter() - started
                life = int(entry.readings["life"])
                pipeline = make_pipeline(life)  # loading and compiling is not replaying
                started = time.perf_counter()
            if entry.weights is not None:
                difference = changed_weights(tick, entry.weights)
                if difference:
                    break
                pipeline.set_weights(entry.weights["weights"].copy())
            current[...] = entry.readings
            pipeline.tick(current)
            count += 1
            if pipeline.outputs.tobytes() != entry.outputs.tobytes():
                difference = first_difference(entry.outputs, pipeline.outputs)
                break
    except DamagedLog as damage:
        difference = Difference(tick + 1, damage.where, damage.stored, damage.found)
    if count == 0 and difference is None:
        raise ValueError(f"{path}: holds no ticks")
    spent_s += time.perf_counter() - started
    return ReplayReport(difference is None, count, count * TICK_S / spent_s if count else None, difference)


def changed_weights(tick: int, weights: np.ndarray) -> Difference | None:
    """The difference between a weights record's checksum and its contents."""
    found = zlib.crc32(weights["weights"].tobytes())
    stored = int(weights["crc32"])
    return None if found == stored else Difference(tick, f"weights {weights['version']} crc32", stored, found)


def first_difference(logged: np.ndarray, replayed: np.ndarray) -> Difference:
    """The first field, in the order of OUTPUTS, whose bytes differ; of an array, its first element."""
    for name in OUTPUTS.names or ():
        theirs, ours = np.atleast_1d(logged[name]), np.atleast_1d(replayed[name])
        for index in range(len(theirs)):
            if theirs[index].tobytes() != ours[index].tobytes():
                label = f"{name}[{index}]" if logged[name].shape else name
                return Difference(int(logged["tick"]), label, plain(theirs[index]), plain(ours[index]))
    raise AssertionError("records differ in no field: their layout has padding")


def plain(value: np.generic) -> Any:
    """A number for JSON, as text where JSON has none."""
    number = value.item()
    return number if not isinstance(number, float) or np.isfinite(number) else str(number)


def find_logs(folder: Path) -> list[Path]:
    """The runs (or single MCAP files that belong to no run) in a folder and below it, sorted.

    Raises ValueError if there are none.
    """
    runs = {path.parent for path in folder.rglob("log.mcap")}
    singles = {path for path in folder.rglob("*.mcap") if path not in {p for run in runs for p in log_parts(run)}}
    if not runs and not singles:
        raise ValueError(f"{folder}: found no logs, allowed: a folder with runs or .mcap files in it")
    return sorted(runs | singles)


def replay_folder(
    folder: Path, make_pipeline: Callable[[Path, int], ReplayablePipeline], junit: Path
) -> dict[Path, ReplayReport | ValueError]:
    """Replay every log below a folder, and write a JUnit report for CI: one test case for each log.

    `make_pipeline(log, life)` as for `replay`. A log that cannot be replayed counts as an error, with its message.
    """
    results: dict[Path, ReplayReport | ValueError] = {}
    cases = []
    for log in find_logs(folder):
        started = time.perf_counter()
        failure = error = None
        try:
            report = results[log] = replay(log, lambda life, log=log: make_pipeline(log, life))  # type: ignore[misc]
            if report.first_difference is not None:
                d = report.first_difference
                failure = f"tick {d.tick}, {d.field}: logged {d.logged}, replayed {d.replayed}"
        except ValueError as refusal:
            results[log], error = refusal, str(refusal)
        name = str(log.relative_to(folder)) if log != folder else log.name
        cases.append(TestCase("replay", name, time.perf_counter() - started, failure, error))
    write_junit(junit, "robot replay", cases)
    return results
