"""The yardstick: as fast as physics allows, repeatable, stored with what it holds for."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares

import sim.car.yardstick as module
from sim.car.command_limits import CommandLimits
from sim.car.model import GRAVITY_M_S2, body_derivative, load_parameters
from sim.car.yardstick import Yardstick, key_of, lookup_or_compute, yardstick
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.track import Course, closed_course

CAR = load_parameters()
LIMITS = CommandLimits()


def circle(radius_m: float = 3.0, width_m: float = 1.0) -> Course:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    points = radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return closed_course("circle", points, np.full(90, width_m), np.full(90, width_m))


@pytest.fixture(scope="module")
def on_a_circle() -> Yardstick:
    return yardstick(circle(), CAR, generations=120)


def test_on_a_circle_the_bound_is_the_innermost_line_at_the_limit_of_grip(on_a_circle: Yardstick) -> None:
    innermost = 3.0 - 1.0 + CAR.half_width_m + module.BODY_MARGIN_M
    assert on_a_circle.bound_s == pytest.approx(2 * np.pi * math.sqrt(innermost / (CAR.grip * GRAVITY_M_S2)), rel=0.02)


def fastest_steady_lap(radius_m: float) -> float:
    """Seconds of the fastest circle on which a steering angle, a slip angle and a drive balance all forces."""

    def unbalanced(unknown: np.ndarray, steer: float) -> np.ndarray:
        speed, slip, accel = unknown
        v_x, v_y = speed * math.cos(slip), speed * math.sin(slip)
        return np.array(body_derivative(v_x, v_y, speed / radius_m, steer, accel, CAR.packed()))

    limit = math.sqrt(CAR.grip * GRAVITY_M_S2 * radius_m)
    found = [least_squares(unbalanced, [0.9 * limit, -0.1, 1.0], args=(steer,)) for steer in np.linspace(0.1, 0.4, 31)]
    return 2 * np.pi * radius_m / max(root.x[0] for root in found if root.cost < 1e-12)


def test_on_a_circle_the_lap_is_the_fastest_steady_one(on_a_circle: Yardstick) -> None:
    assert on_a_circle.lap_s == pytest.approx(fastest_steady_lap(3.0 - 1.0 + CAR.half_width_m), rel=0.015)
    assert on_a_circle.lap_s > on_a_circle.bound_s


def test_the_lap_can_be_driven_again(on_a_circle: Yardstick) -> None:
    assert on_a_circle.drive(circle(), CAR, LIMITS) == on_a_circle.lap_s


def test_other_seeds_agree(on_a_circle: Yardstick) -> None:
    assert yardstick(circle(), CAR, seed=1, generations=120).lap_s == pytest.approx(on_a_circle.lap_s, rel=0.01)


def test_less_grip_makes_a_slower_yardstick(on_a_circle: Yardstick) -> None:
    slippery = yardstick(circle(), replace(CAR, grip=0.7 * CAR.grip), generations=40)
    assert slippery.lap_s > 1.1 * on_a_circle.lap_s


def test_a_course_too_narrow_for_the_car_is_refused() -> None:
    with pytest.raises(ValueError, match="found no lap of circle without a crash"):
        yardstick(circle(width_m=0.14), CAR, generations=3)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_track_has_its_yardstick_stored(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_stored(*arguments: Any, **options: Any) -> Yardstick:
        raise AssertionError("had to be computed: run python -m sim.car.yardstick")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "yardstick", not_stored)
    found = lookup_or_compute(built_in(name), CAR)
    assert found.course == name
    assert found.bound_s < found.lap_s < 1.15 * found.bound_s
    assert found.drive(built_in(name), CAR, LIMITS) == pytest.approx(found.lap_s, abs=1e-3)


def test_a_key_holds_for_one_course_one_car_and_one_set_of_limits() -> None:
    keys = {
        key_of(built_in("oval"), CAR),
        key_of(built_in("ell"), CAR),
        key_of(built_in("oval"), replace(CAR, mass_kg=3.75)),
        key_of(built_in("oval"), CAR, replace(LIMITS, speed_max_m_s=5.0)),
    }
    assert len(keys) == 4
    assert key_of(built_in("oval"), load_parameters()) in keys


@pytest.fixture
def computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """An empty cache folder, a quick search, and the list of masses for which it was run."""
    masses: list[float] = []

    def quick(course: Course, car: Any, limits: CommandLimits, **options: Any) -> Yardstick:
        masses.append(car.mass_kg)
        return yardstick(course, car, limits, generations=2, **options)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "STEADY_GENERATIONS", 60)
    monkeypatch.setattr(module, "yardstick", quick)
    return masses


def test_a_new_car_is_computed_once_and_then_found(computed: list[float]) -> None:
    heavy = replace(CAR, mass_kg=4.2)
    first = lookup_or_compute(circle(), heavy)
    assert lookup_or_compute(circle(), heavy) == first
    assert computed == [4.2]
    lookup_or_compute(circle(), replace(CAR, mass_kg=4.3))
    assert computed == [4.2, 4.3]


def test_a_damaged_or_outdated_cache_is_computed_again(computed: list[float]) -> None:
    found = lookup_or_compute(circle(), CAR)
    (file,) = module.cache_folder("yardsticks").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert lookup_or_compute(circle(), CAR) == found
    outdated = file.read_text().replace(f'"lap_s":{found.lap_s}', f'"lap_s":{found.lap_s - 0.1}')
    file.write_text(outdated)
    assert lookup_or_compute(circle(), CAR) == found
    assert len(computed) == 3


def test_the_search_tells_how_far_it_is() -> None:
    shares: list[float] = []
    yardstick(circle(), CAR, generations=4, progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0
