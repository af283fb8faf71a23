"""How stops of real sessions are judged, counted and shown; the stops themselves are made by `robot safety --stops`."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from robot.cli.safety import SafetyConfig
from robot.safety.campaign.stops.process_stops import CAUSES, ENDING, GOING_ON, OUT_OF_REACH, hidden, judge
from robot.safety.campaign.stops.stop_figures import figures_of, rows_of
from robot.safety.campaign.stops.stops import Stop
from sim.car.model import load_parameters

SPEED, BRAKE = 1.0, 3.0
GOOD = Stop("Ctrl-C", "oval", 7, 0.9, 4.0, None, 0.2, None, True, 0)


def seen(at_s: float, mode: float = SPEED, v_x: float = 4.0, collisions: float = 0.0, heading: float = 0.0) -> Any:
    truth = SimpleNamespace(
        motor_mode=mode, motor_value=v_x, v_x=v_x, v_y=0.0, collisions=collisions, heading_error=heading
    )
    return at_s, truth


def test_the_throttle_is_off_from_the_first_moment_at_which_nothing_drives_the_wheels():
    rows = [seen(0.9, BRAKE), seen(1.0), seen(1.05), seen(1.12, BRAKE), seen(1.2, BRAKE, 0.0)]
    told = judge(rows, 1.0)
    assert told == {"speed_m_s": 4.0, "throttle_off_ms": pytest.approx(120.0), "impact_m_s": None, "turned_rad": 0.0}
    assert judge([seen(1.0), seen(2.0)], 1.0)["throttle_off_ms"] is None


def test_a_touch_is_as_hard_as_the_car_came_and_one_before_the_stop_does_not_count():
    rows = [seen(0.5, v_x=6.0), seen(0.6, v_x=5.0, collisions=1), seen(1.0, v_x=3.0, collisions=1),
            seen(1.1, v_x=2.5, collisions=1), seen(1.2, v_x=0.1, collisions=2)]  # fmt: skip
    assert judge(rows, 1.0)["impact_m_s"] == pytest.approx(3.0)
    assert judge(rows[:4], 1.0)["impact_m_s"] is None


def test_a_car_that_stands_has_not_spun():
    rows = [seen(1.0, heading=0.3), seen(1.1, BRAKE, 1.0, heading=-2.0), seen(1.2, BRAKE, 0.01, heading=3.0)]
    assert judge(rows, 1.0)["turned_rad"] == 2.0


def test_figures_count_and_nothing_that_went_wrong_is_as_promised():
    assert figures_of([GOOD], [GOOD])["as_promised"]
    assert figures_of([GOOD], [replace(GOOD, throttle_off_ms=150.0)])["throttle_off_ms_max"] == 150.0
    for wrong in ({"impact_m_s": 0.4}, {"ended": False}, {"left_behind": 1}, {"turned_rad": 2.0},
                  {"throttle_off_ms": 201.0}):  # fmt: skip
        figures = figures_of([GOOD], [replace(GOOD, **wrong)])
        assert not figures["as_promised"], wrong
    assert figures_of([replace(GOOD, impact_m_s=0.4)], [replace(GOOD, impact_m_s=1.5)])["worst_impact_m_s"] == 1.5
    assert figures_of([replace(GOOD, turned_rad=2.0, grip_share=0.5)], [])["as_promised"]  # below what is believed


def test_cars_that_nobody_could_reach_are_shown_by_themselves():
    lost = replace(GOOD, cause="motor controller's cable", impact_m_s=3.0)
    figures = figures_of([], [GOOD, lost])
    assert (figures["stops"], figures["collisions"]) == (2, 0)
    assert (figures["out_of_reach"], figures["out_of_reach_collisions"]) == (1, 1)
    assert any("out of reach" in row and "3.00 m/s" in row for row in rows_of([], [GOOD, lost]))


def test_causes_are_told_apart_and_who_is_hurt_must_stop():
    assert len(CAUSES) == len(GOING_ON) + len(ENDING)
    assert {"motor controller's cable", "motor controller silent"} == OUT_OF_REACH
    assert all(cause.stops for cause in CAUSES.values() if cause.hurts)
    for name in ("Ctrl-C", "Ctrl-\\", "Ctrl-Z", "hang-up", "SIGSTOP control", "kill -9 control and a guardian"):
        assert name in CAUSES


def test_a_hidden_car_on_a_floor_has_the_floors_grip():
    changed = hidden(5, 0.4)
    assert changed["grip"] == pytest.approx(0.4 * load_parameters().grip)
    assert len(changed) > 2 and all(math.isfinite(value) for value in changed.values())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"stops": -1}, r"--stops: found -1, allowed: 0 or more"),
        ({"without_repairs": True}, r"--without-repairs: found without --stops"),
        ({"stops": 5, "track": "oval"}, r"--track, --kills, --from: found with --stops"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        SafetyConfig(**wrong)
