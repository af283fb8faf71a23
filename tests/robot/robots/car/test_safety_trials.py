"""The car in the campaign of faults and stops: how its truth is seen, and which cars are drawn."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot.robots.car.safety_drive import demonstrated, hidden
from robot.robots.car.safety_trials import GRIP_SHARES, PROCESS_CAUSES, STOPS, repair, see
from sim.car.model import hidden_car, load_parameters
from sim.tracks.built_in_tracks import BUILT_IN


def truth(mode: float = 1.0, value: float = 3.0) -> Any:
    return SimpleNamespace(
        motor_mode=mode,
        motor_value=value,
        v_x=3.0,
        v_y=-4.0,
        collisions=2.0,
        heading_error=-0.5,
        time_s=7.25,
        late_s=0.25,
    )


@pytest.mark.parametrize(("mode", "value", "driven"), [(1, 3.0, True), (2, 5.0, True), (1, 0.0, False), (0, 1.0, False),
                                                       (3, 40.0, False)])  # fmt: skip
def test_the_wheels_are_driven_by_a_speed_or_a_current_that_is_not_zero(mode: int, value: float, driven: bool) -> None:
    assert see(truth(mode, value)) == (5.0, driven, 2, 0.5, 0.25)


def test_drives_go_round_the_tracks_with_hidden_cars_on_every_floor() -> None:
    rng = np.random.default_rng(3)
    drawn = [STOPS.variant(number, rng) for number in range(40)]
    assert [one["track"] for one in drawn[:8]] == [*BUILT_IN, *BUILT_IN][:8]
    shares = [one["grip_share"] for one in drawn]
    assert GRIP_SHARES[0] <= min(shares) < 0.6 and 1.0 < max(shares) <= GRIP_SHARES[1]
    assert len({one["hidden_seed"] for one in drawn}) == 40


def test_a_hidden_car_on_a_floor_has_the_floors_grip() -> None:
    changed = hidden(5, 0.4)
    assert changed["grip"] == pytest.approx(0.4 * load_parameters().grip)
    assert len(changed) > 2 and all(math.isfinite(value) for value in changed.values())
    assert hidden(None, 1.0) == {}


def test_a_demonstration_leaves_little_open() -> None:
    told, car = demonstrated(5, np.random.default_rng(0)), hidden_car(5)
    assert told["trim_rad"] == pytest.approx(car.steer_trim_rad, abs=0.02)
    assert told["latency_s"] == pytest.approx(car.actuation_s, abs=0.015)
    assert told["latency_s"] != car.actuation_s


def test_what_the_causes_take_away_is_given_back() -> None:
    done: list[tuple[str, dict[str, Any]]] = []
    car = SimpleNamespace(fault=lambda do, **how: done.append((do, how)))
    for cause in PROCESS_CAUSES:
        cause.do(SimpleNamespace(emulated=car, send=lambda *_: None))  # type: ignore[arg-type]
    taken = {how.get("device", do) for do, how in done}
    done.clear()
    repair(car)  # type: ignore[arg-type]
    assert {how.get("device", do) for do, how in done} == taken
    assert all(do == "plug" or how == {"on": False} for do, how in done)
