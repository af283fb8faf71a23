"""What was seen on the first laps comes to the learner the same, however far the car has driven on meanwhile."""

from pathlib import Path

import numpy as np
import pytest

from policies.actor import weight_count
from policies.array_file import array_bytes
from robot.robots.car.car_file import as_believed
from robot.robots.car.eyes import rehearsal
from robot.robots.car.eyes.mind import SeeingPipeline
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.robots.car.eyes.seen_laps import (
    DECISION,
    DECISIONS_MOST,
    ENDED,
    LEAST,
    MOST,
    SEEN_LAPS_FILE,
    SeenLaps,
    load_seen_laps,
)
from robot.robots.car.setup import PipelineSetup
from robot.tasks.race_track.by_camera import SPEC

LAP = 7  # decisions
ROBOT = "virtual-camera-car"


def files(laps: int) -> list[bytes | None]:
    """What the end of each lap gave."""
    seen, step, told = SeenLaps(), 100, []
    for _ in range(laps):
        for _ in range(LAP):
            seen.add(step, 0.1 * step, -0.2, np.full(SPEC.observation_size, step, np.float32))
            step += 1
        told.append(seen.end_lap(step, (0.8, 0.01 * step), -0.02))
    return told


def loaded(folder: Path, contents: bytes | None, step: int) -> tuple[np.ndarray, np.ndarray] | None:
    path = folder / SEEN_LAPS_FILE
    path.unlink(missing_ok=True)
    if contents is not None:
        path.write_bytes(contents)
    return load_seen_laps(path, step)


def test_it_tells_after_so_many_laps_and_no_more_after_enough() -> None:
    told = files(MOST + 2)
    assert [contents is not None for contents in told] == [LEAST <= lap <= MOST for lap in range(1, MOST + 3)]


def test_a_step_is_told_the_laps_that_had_ended_by_then_whichever_file_it_finds(tmp_path: Path) -> None:
    told = files(MOST)
    for lap in range(LEAST, MOST):
        before, after = told[lap - 1], told[lap]
        for step in (100 + LAP * lap, 100 + LAP * (lap + 1) - 1):
            one, other = loaded(tmp_path, before, step), loaded(tmp_path, after, step)
            assert one is not None and other is not None
            assert [part.tobytes() for part in one] == [part.tobytes() for part in other]
            decisions, ended = one
            assert decisions["step"].tolist() == list(range(100, 100 + LAP * lap))
            assert (decisions["observation"][:, 0] == decisions["step"]).all()
            assert ended["rear_grip_share"] == 0.01 * (100 + LAP * lap) and ended["trim_rad"] == -0.02


def test_before_laps_are_enough_there_is_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, None, 10_000) is None
    assert loaded(tmp_path, SeenLaps().to_bytes(), 10_000) is None
    assert loaded(tmp_path, files(LEAST)[-1], 100 + LAP * LEAST - 1) is None


def test_a_lap_without_an_end_does_not_fill_the_memory() -> None:
    seen, observation = SeenLaps(), np.zeros(SPEC.observation_size, np.float32)
    for step in range(DECISIONS_MOST + 50):
        seen.add(step, 0.0, 0.0, observation)
    assert len(seen._decisions) == DECISIONS_MOST


@pytest.mark.parametrize("field", ["decisions", "ended"])
def test_a_file_without_a_field_is_refused_by_name(tmp_path: Path, field: str) -> None:
    whole = {"decisions": np.zeros(3, DECISION), "ended": np.zeros(2, ENDED)}
    with pytest.raises(ValueError, match=f"{SEEN_LAPS_FILE}: {field}: found nothing"):
        loaded(tmp_path, array_bytes({name: array for name, array in whole.items() if name != field}), 1000)
    with pytest.raises(ValueError, match=f"{SEEN_LAPS_FILE}: {field}: found int8"):
        loaded(tmp_path, array_bytes(whole | {field: np.zeros(2, np.int8)}), 1000)


class Telling(SeeingPipeline):
    """Keeps the files of what it saw."""

    def tick(self, readings: np.ndarray) -> None:
        super().tick(readings)
        self.told = [*getattr(self, "told", []), *(self.files[name] for name in self.files if name == SEEN_LAPS_FILE)]


def test_a_car_that_has_driven_laps_leaves_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "LAPS", 4.6)
    believed, weights = as_believed(ROBOT, load_seeing_car(ROBOT)).packed(), np.zeros(weight_count(LAYERS), np.float32)
    mind = Telling(
        PipelineSetup(1, 60.0, 0, False, False, True, False, believed, LAYERS, weights, None, None, encoder=7)
    )
    rehearsal.drive_round(mind)
    assert loaded(tmp_path, mind.told[0], 10**6) is None  # nothing is left of what an earlier life saw elsewhere
    found = loaded(tmp_path, mind.told[-1], 10**6)
    assert found is not None and mind.place.course is not None
    decisions, ended = found
    assert ((decisions["s"] >= 0.0) & (decisions["s"] < mind.place.course.length_m)).all()
    assert len(decisions) > 100 and (np.diff(decisions["step"]) == 1).all() and ended["step"] > decisions["step"][-1]
    assert decisions["observation"].any() and 0.2 < ended["front_grip_share"] < 2.0
