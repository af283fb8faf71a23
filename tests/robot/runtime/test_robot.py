"""A robot that the project does not know joins through an entry point: it is driven, recorded, read and replayed."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from robot.logs.reader import LogReader
from robot.logs.replay import replay
from robot.logs.writer import LogWriter
from robot.runtime import joining
from robot.runtime import robot as module
from robot.runtime.control_loop import ControlLoop
from robot.runtime.events import make_event
from robot.runtime.robot import find_robot
from robot.runtime.session_file import SessionFile
from robot.safety.supervisor import Mode
from tests.toy_robot.cart import Rail
from tests.toy_robot.robot import RECORDS, TICK_S, setup_of

WEIGHTS = np.array([1.5, 1.0], np.float32)
UNPLUGGED, PLUGGED = range(100, 120), 120


@pytest.fixture(autouse=True)
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("toy", "tests.toy_robot.robot:ROBOT", module.ENTRY_POINTS)
    monkeypatch.setattr(joining, "entry_points", lambda group: [point] if group == module.ENTRY_POINTS else [])


@pytest.fixture
def driven(tmp_path: Path) -> Callable[..., Path]:
    """Drive the toy for 15 s, its cable out for a while, and leave the log."""

    def drive(name: str) -> Path:
        robot, rail, setup = find_robot("toy"), Rail(place_m=0.8), setup_of(WEIGHTS)
        session = SessionFile("", "toy", "toy", "centre", {}, (2, 2), 2, True, "", {}, False)
        mind = robot.mind(setup, tmp_path)
        loop = ControlLoop(rail, robot.devices(session, rail), mind, np.zeros((), RECORDS.readings), 1, robot.tick_s)
        loop.start()
        (tmp_path / name).mkdir()
        with LogWriter(tmp_path / name / "log.mcap", robot.records("centre"), 2) as log:
            log.add_setup(1, setup)
            log.add_events(make_event("start", 0, 0.0, life=1)[None])
            for tick in range(300):
                rail.plugged = tick not in UNPLUGGED
                loop.wait()
                loop.run_tick(0, True, 0, 0.0, (0.0,))
                log.add_readings(loop.readings[None])
                log.add_outputs(loop.outputs[None])
        return tmp_path / name

    return drive


def test_it_is_driven_and_its_log_is_read_without_knowing_it(driven: Callable[..., Path]) -> None:
    contents = LogReader(driven("run")).contents(("tick", "cart"))
    place_m, mode = contents.readings["cart"]["place_m"], contents.outputs["mode"]
    assert abs(place_m[0]) > 0.7 and abs(place_m[-1]) < 0.02
    out = contents.readings["cart"]["up"] == 0
    assert out.sum() >= len(UNPLUGGED) and (mode[out] == Mode.STOP).all() and mode[-1] == Mode.RUN
    assert contents.outputs.dtype == RECORDS.outputs


def test_its_log_replays_and_one_changed_weight_is_named(driven: Callable[..., Path]) -> None:
    folder = driven("run")
    assert replay(folder).outcome == "equal"
    other = setup_of(WEIGHTS + np.float32([0.0, 1e-6]))
    report = replay(folder, lambda life: find_robot("toy").mind(other, folder))
    assert report.outcome == "different" and report.first_difference is not None
    assert report.first_difference.field == "command.force_n"


def test_the_same_drive_is_the_same_bytes(driven: Callable[..., Path]) -> None:
    first, second = (LogReader(driven(name)).contents(("tick", "time_s", "cart")) for name in ("a", "b"))
    assert first.outputs.tobytes() == second.outputs.tobytes() and first.readings.tobytes() == second.readings.tobytes()
    assert first.outputs["time_s"][-1] == pytest.approx(301 * TICK_S)


def test_a_robot_that_nobody_brought_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"robot: found 'boat', allowed: .*toy"):
        find_robot("boat")
