"""A run of a car with a camera, from whose first laps a better policy is made."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from policies.array_file import array_bytes
from policies.policy_file import load_policy
from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, course_bytes
from robot.robots.car.eyes import rooms, taught_here
from robot.robots.car.eyes.adaptation import adapt
from robot.robots.car.eyes.seen_laps import DECISION, ENDED, SEEN_LAPS_FILE
from robot.robots.car.options import CarOptions
from robot.robots.car.practice import SHIPPED_SEEING_POLICY
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in

POLICY = load_policy(SHIPPED_SEEING_POLICY)
CONFIG = CarOptions(robot="virtual-camera-car")


@dataclass
class Run:
    folder: Path

    def adapted(self, step: int):
        return adapt(CONFIG, self.folder, step, POLICY.weights, POLICY.layers, 1)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    course = built_in("oval")
    (tmp_path / COURSE_FILE).write_bytes(course_bytes(course, rasterise(course)))
    (tmp_path / ENCODER_FILE).write_bytes(SHIPPED_SEEING_POLICY.with_name(ENCODER_FILE).read_bytes())
    for name, few in (("CARS", 4), ("DECISIONS", 20), ("COURSES", 2), ("LOOKS", 8)):
        monkeypatch.setattr(rooms, name, few)
    for name, few in (
        ("CARS", 8),
        ("ITERATIONS", 1),
        ("LOOKS", 8),
        ("LIKE_HERE", 4),
        ("LOOKED_DECISIONS", 30),
        ("TEACHERS_ITERATIONS", 2),
        ("TRIAL_CARS", 2),
        ("TRIAL_LAPS", 1),
    ):
        monkeypatch.setattr(taught_here, name, few)
    return Run(tmp_path)


def test_before_the_first_laps_there_is_nothing_to_be_taught(run: Run) -> None:
    assert run.adapted(500) is None


def test_after_them_the_policy_is_another_one_and_the_course_is_told(run: Run) -> None:
    seen, rng = np.zeros(120, DECISION), np.random.default_rng(0)
    seen["step"], seen["s"] = np.arange(120), np.arange(120) * 0.5 % 29.2
    seen["observation"] = 0.1 * rng.standard_normal(seen["observation"].shape)
    told = {"decisions": seen, "ended": np.array([(60, 1.0, 1.0, 0.0), (120, 0.8, 0.9, 0.02)], ENDED)}
    (run.folder / SEEN_LAPS_FILE).write_bytes(array_bytes(told))
    assert run.adapted(119) is None
    adapted = run.adapted(120)
    assert adapted is not None and "from 120 decisions" in adapted.text
    assert np.isfinite(adapted.weights).all() and not np.array_equal(adapted.weights, POLICY.weights)
    assert abs(adapted.belief["course_m"] - 29.2) < 3.0
    assert (adapted.belief["front_grip_share"], adapted.belief["trim_rad"]) == (0.8, 0.02)
    assert 0.5 < adapted.belief["least_width_m"] <= adapted.belief["most_width_m"] < 3.5
