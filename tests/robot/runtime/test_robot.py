"""A robot that the project does not know joins through an entry point: it is driven, recorded, read and replayed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from drivers.emulators.packet_host import start_host
from robot.logs.reader import LogReader
from robot.logs.replay import replay
from robot.logs.writer import LogWriter
from robot.practice.episodic_mind import EpisodicSetup
from robot.runtime import joining
from robot.runtime import robot as module
from robot.runtime.clock import LockstepClock
from robot.runtime.control_loop import ControlLoop
from robot.runtime.events import make_event
from robot.runtime.robot import find_robot
from robot.runtime.session_file import SessionFile
from robot.safety.supervisor import Mode
from tests.toy_robot.robot import RECORDS, TICK_S

LAYERS = (2, 1, 1, 2)
WEIGHTS = np.array([-1.5, -1.0, 0.0, 2.0, 0.0, 2.0, 0.0, 0.0, 0.0], np.float32)  # pushes towards the middle
UNPLUGGED, PLUGGED = 60, 80  # ticks


def setup_of(weights: np.ndarray) -> bytes:
    return EpisodicSetup([3], False, 60.0, 0, 0.0, 0, 0).to_bytes("toy", weights, LAYERS)


@pytest.fixture(autouse=True)
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("toy", "tests.toy_robot.robot:ROBOT", module.ENTRY_POINTS)
    monkeypatch.setattr(joining, "entry_points", lambda group: [point] if group == module.ENTRY_POINTS else [])


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Drive the toy for 15 s, its cable out for a while, and leave the log."""
    with ExitStack() as stack:

        def drive(name: str) -> Path:
            robot, setup = find_robot("toy"), setup_of(WEIGHTS)
            emulator = stack.enter_context(
                closing(start_host("tests.toy_robot.emulator", "cart", "lockstep", place_m=0.1))
            )
            session = SessionFile("", "toy", "toy", "toy", {}, LAYERS, len(WEIGHTS), True, "", emulator.ports, False)
            clock = LockstepClock(str(emulator.directory / "lockstep"))
            mind, devices = robot.mind(setup, tmp_path), robot.devices(session, clock)
            cart = devices["cart"].driver  # type: ignore[attr-defined]
            loop = ControlLoop(clock, devices, mind, np.zeros((), RECORDS.readings), 1, robot.tick_s)
            cart.open()
            loop.start()
            (tmp_path / name).mkdir()
            with LogWriter(tmp_path / name / "log.mcap", robot.records("toy"), len(WEIGHTS)) as log:
                log.add_setup(1, setup)
                log.add_events(make_event("start", 0, 0.0, life=1)[None])
                for tick in range(300):
                    if tick == UNPLUGGED:
                        cart.close()
                    cart.port = "/nowhere" if UNPLUGGED <= tick < PLUGGED else emulator.ports["cart"]
                    loop.wait()
                    loop.run_tick(0, True, 0, 0.0, (0.0,))
                    log.add_readings(loop.readings[None])
                    log.add_outputs(loop.outputs[None])
                    for kind, fields in mind.events:
                        log.add_events(make_event(kind, loop.tick, clock.now(), **fields)[None])
            return tmp_path / name

        yield drive


def test_it_is_driven_and_its_log_is_read_without_knowing_it(driven: Callable[..., Path]) -> None:
    contents = LogReader(driven("run")).contents(("tick", "cart"))
    place_m, mode = contents.readings["cart"]["place_m"], contents.outputs["mode"]
    assert place_m[2] == pytest.approx(0.1, abs=0.01) and place_m.max() > 0.69 and place_m.min() < -0.5
    out = contents.readings["cart"]["up"] == 0
    assert out.sum() >= PLUGGED - UNPLUGGED and (mode[out] == Mode.STOP).all() and mode[-1] == Mode.RUN
    assert contents.outputs.dtype == RECORDS.outputs
    outcomes = [event["outcome"] for event in contents.events if event["kind"] == "episode"]
    assert "taken-over" in outcomes and "success" in outcomes


def test_its_log_replays_and_one_changed_weight_is_named(driven: Callable[..., Path]) -> None:
    folder = driven("run")
    assert replay(folder).outcome == "equal"
    other = setup_of(WEIGHTS + np.float32([1e-3, *[0.0] * 8]))
    report = replay(folder, lambda life: find_robot("toy").mind(other, folder))
    assert report.outcome == "different" and report.first_difference is not None
    assert report.first_difference.field == "command.push_n"


def test_the_same_drive_is_the_same_bytes(driven: Callable[..., Path]) -> None:
    first, second = (LogReader(driven(name)).contents(("tick", "time_s", "cart")) for name in ("a", "b"))
    assert first.outputs.tobytes() == second.outputs.tobytes() and first.readings.tobytes() == second.readings.tobytes()
    assert first.outputs["time_s"][-1] == pytest.approx(301 * TICK_S)


def test_a_robot_that_nobody_brought_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"robot: found 'boat', allowed: .*toy"):
        find_robot("boat")
