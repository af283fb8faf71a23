"""The recorder: nothing that reached a ring is lost, whoever is killed, and drops are on record."""

import functools
import itertools
import multiprocessing
import os
import select
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from policies.replay import load_folder
from robot.logs import recorder as recording
from robot.logs.reader import LogReader
from robot.logs.recorder import Recorder, RecorderConfig, record
from robot.robots.car.records import OUTPUTS, READINGS, RECORDS, TRANSITION
from robot.runtime.events import EVENT, make_event, make_weights, weights_dtype
from robot.runtime.run_folder import still_there
from robot.shared_memory.mailbox import Weights
from robot.shared_memory.ring import Ring

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
                            prefix + "transitions", (prefix + "events",), WEIGHTS_SIZE, RECORDS)  # fmt: skip
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


@pytest.mark.parametrize(
    "away", [lambda folder: shutil.rmtree(folder), lambda folder: folder.rename(f"{folder}-moved")]
)
def test_a_run_that_somebody_removes_or_moves_is_noticed_and_not_made_again_by_halves(
    session: Session, tmp_path: Path, away: Callable[[Path], object]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    recorder = Recorder(replace(session.config, folder=folder))
    session.drive(0, 10)
    recorder.drain()
    away(folder)
    with pytest.raises(FileNotFoundError, match=r"log\.mcap"):
        recorder.flush()
    assert not folder.exists()
    with pytest.raises(FileNotFoundError, match="removed or moved"):
        still_there(folder)


def test_no_slot_is_given_back_while_the_disk_refuses_its_record(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    recorder = Recorder(session.config)
    session.drive(0, 10)
    recorder.drain()
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(recording, "write_segment", full)
        recorder.flush()
    assert session.rings["readings"].free_slots == 246
    recorder.close()


def test_no_chunk_has_an_output_whose_readings_are_yet_to_come(session: Session, tmp_path: Path) -> None:
    """Though control writes on between one ring and the next."""
    recorder, ticks = Recorder(session.config), itertools.count()

    def read_while_control_goes_on(ring: Ring, most: int) -> np.ndarray:
        records = Ring.read(ring, most)
        session.drive(next(ticks), 1)
        return records

    for ring in recorder.rings:
        ring.read = functools.partial(read_while_control_goes_on, ring)  # type: ignore[method-assign]
    for _ in range(3):
        recorder.drain()
        recorder.flush()
    seen: set[int] = set()
    batches = list(LogReader(tmp_path).batches())
    assert sum(len(batch.outputs) for batch in batches) > 5
    for batch in batches:
        seen |= set(batch.readings["tick"])
        assert set(batch.outputs["tick"]) <= seen
    recorder.close()


def test_rings_that_fill_up_are_flushed_before_their_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "FLUSH_S", 60.0)
    process = session.start_recorder()
    session.drive(0, 200)
    give_up = time.monotonic() + 5.0
    while session.rings["readings"].free_slots < 256 and time.monotonic() < give_up:
        time.sleep(0.01)
    free_slots = session.rings["readings"].free_slots
    session.finish()
    process.join(20)
    assert free_slots == 256


def test_a_recorder_whose_session_has_died_leaves_with_all_it_had(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "ORPHAN_S", 0.2)
    ours, theirs = CONTEXT.Pipe()

    def start_and_wait() -> None:
        theirs.send(session.start_recorder().pid)
        time.sleep(60.0)

    parent = CONTEXT.Process(target=start_and_wait)
    parent.start()
    ended = os.pidfd_open(ours.recv())
    session.drive(0, 20)
    os.kill(parent.pid or 0, signal.SIGKILL)
    parent.join()
    left = select.select([ended], [], [], 10.0)[0]
    if not left:
        signal.pidfd_send_signal(ended, signal.SIGKILL)
    os.close(ended)
    assert left
    assert logged_ticks(tmp_path) == list(range(20))


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


def test_what_was_dropped_before_a_restart_is_not_told_again(session: Session, tmp_path: Path) -> None:
    for _ in range(2):
        recorder = Recorder(session.config)
        session.drive(0, 300 if not recorder.lost[session.config.readings] else 0)
        recorder.drain()
        recorder.close()
    assert len(LogReader(tmp_path).parts) == 2
    assert len(LogReader(tmp_path).events()) == 2  # of readings and of outputs


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
