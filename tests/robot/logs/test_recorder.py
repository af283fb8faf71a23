"""The recorder: nothing that reached a ring is lost, whoever is killed, and drops are on record."""

import multiprocessing
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from policies.replay import TRANSITION, load_folder
from robot.logs.events import EVENT, make_event, make_weights, weights_dtype
from robot.logs.reader import LogReader
from robot.logs.recorder import Recorder, RecorderConfig, record
from robot.logs.records import OUTPUTS, READINGS
from robot.practice.mailbox import Weights
from robot.practice.ring import Ring

WEIGHTS_SIZE = 7
CONTEXT = multiprocessing.get_context("fork")


@dataclass
class Session:
    """The rings of a session, and what its control process would write into them."""

    config: RecorderConfig
    rings: dict[str, Ring]
    make_readings: Callable[[int, int], np.ndarray]
    respond: Callable[[np.ndarray], np.ndarray]

    def drive(self, first: int, count: int) -> None:
        """Write the records of some ticks; every fifth is a decision with a transition."""
        readings = self.make_readings(count, first)
        for reading, output in zip(readings, self.respond(readings), strict=True):
            self.rings["readings"].write(reading)
            self.rings["outputs"].write(output)
            if reading["tick"] % 5 == 0:
                transition = np.zeros((), TRANSITION)
                transition["step"] = reading["tick"] // 5
                transition["observation"] = output["observation"]
                self.rings["transitions"].write(transition)

    def finish(self) -> None:
        for ring in self.rings.values():
            ring.finish()

    def start_recorder(self) -> multiprocessing.process.BaseProcess:
        process = CONTEXT.Process(target=record, args=(self.config,))
        process.start()
        return process


@pytest.fixture
def session(tmp_path: Path, make_readings: Callable, respond: Callable) -> Iterator[Session]:
    prefix = f"test-recorder-{uuid.uuid4().hex[:8]}-"
    dtypes = {"readings": READINGS, "outputs": OUTPUTS, "weights": weights_dtype(WEIGHTS_SIZE),
              "transitions": TRANSITION, "events": EVENT}  # fmt: skip
    rings = {name: Ring.create(prefix + name, dtype, 256) for name, dtype in dtypes.items()}
    config = RecorderConfig(tmp_path, prefix + "readings", prefix + "outputs", prefix + "weights",
                            prefix + "transitions", (prefix + "events",), WEIGHTS_SIZE)  # fmt: skip
    yield Session(config, rings, make_readings, respond)
    for ring in rings.values():
        ring.close()


def logged_ticks(folder: Path) -> list[int]:
    return [int(tick) for batch in LogReader(folder).batches() for tick in batch.readings["tick"]]


def test_everything_is_drained_before_the_recorder_leaves(session: Session, tmp_path: Path) -> None:
    session.rings["events"].write(make_event("start", 0, 0.0, seed=3))
    weights = Weights(2, 10, 0.0, np.ones(WEIGHTS_SIZE, np.float32))
    session.rings["weights"].write(make_weights(weights, tick=0, time_s=0.0))
    session.drive(0, 200)
    session.finish()
    record_in_process = session.start_recorder()
    record_in_process.join(20)
    assert record_in_process.exitcode == 0
    assert logged_ticks(tmp_path) == list(range(200))
    assert list(LogReader(tmp_path).outputs()["tick"]) == list(range(200))
    assert LogReader(tmp_path).events() == [{"kind": "start", "tick": 0, "time_s": 0.0, "seed": 3}]
    assert [int(w["version"]) for batch in LogReader(tmp_path).batches() for w in batch.weights] == [2]
    assert list(load_folder(tmp_path / "replay")["step"]) == list(range(40))


def test_slots_are_given_back_only_once_their_records_are_in_files(session: Session, tmp_path: Path) -> None:
    recorder = Recorder(session.config)
    session.drive(0, 10)
    assert recorder.drain() == 22
    assert session.rings["readings"].free_slots == 246
    recorder.flush()
    assert session.rings["readings"].free_slots == 256
    assert logged_ticks(tmp_path) == list(range(10))
    recorder.close()


def test_a_recorder_killed_again_and_again_loses_no_tick_and_no_transition(session: Session, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    process = session.start_recorder()
    tick = 0
    for _life in range(5):
        end = time.monotonic() + rng.uniform(0.05, 0.5)
        while time.monotonic() < end:
            if session.rings["readings"].free_slots > 10 and session.rings["outputs"].free_slots > 10:
                session.drive(tick, 10)
                tick += 10
            time.sleep(0.005)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        process = session.start_recorder()
    session.finish()
    process.join(20)
    assert process.exitcode == 0
    assert sorted(set(logged_ticks(tmp_path))) == list(range(tick))
    assert list(LogReader(tmp_path).outputs()["tick"]) == list(range(tick))
    assert list(load_folder(tmp_path / "replay")["step"]) == list(range(tick // 5))
    assert len(LogReader(tmp_path).parts) > 1


def test_what_was_dropped_is_in_the_log(session: Session, tmp_path: Path) -> None:
    recorder = Recorder(session.config)
    session.drive(0, 300)
    recorder.drain()
    recorder.close()
    dropped = {event["ring"].rsplit("-", 1)[1]: event["dropped"] for event in LogReader(tmp_path).events()}
    assert dropped == {"readings": 44, "outputs": 44}


def test_ctrl_c_leaves_the_recorder_running_and_sigterm_ends_it_with_all_it_had(
    session: Session, tmp_path: Path
) -> None:
    process = session.start_recorder()
    session.drive(0, 50)
    while not (tmp_path / "log.mcap").exists() or session.rings["readings"].free_slots < 256:
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGINT)
    session.drive(50, 50)
    time.sleep(0.1)
    assert process.is_alive()
    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(20)
    assert process.exitcode == 143
    assert logged_ticks(tmp_path) == list(range(100))
