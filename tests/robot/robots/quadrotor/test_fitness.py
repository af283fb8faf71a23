"""What a drone has to know of itself before it flies, and while it does."""

import math
from dataclasses import replace

import pytest

from drivers.crazyflie_reading import BATTERY_LOW, CHARGED, CHARGING, CrazyflieReading
from robot.robots.quadrotor.fitness import Flying, Standing, TouchDown

GOOD = CrazyflieReading(
    (0.3, -0.2, 0.01), battery_v=4.0, velocity_variance=(5e-4, 5e-4, 3e-4),
    jolt_g=1.0, position_age_s=0.01, attitude_age_s=0.01, rate_age_s=0.01, health_age_s=0.05, jolt_age_s=0.01,
)  # fmt: skip
TICK_S = 0.02


def stood(reading_at, seconds: float = 4.0) -> tuple[bool, Standing]:
    """A drone that stands for a while; whether it may fly at the end, or earlier."""
    standing = Standing()
    for k in range(round(seconds / TICK_S)):
        if standing.take(k * TICK_S, reading_at(k * TICK_S)):
            return True, standing
    return False, standing


def flew(reading_at, seconds: float = 5.0) -> tuple[str, float]:
    """The first trouble, and when."""
    flying = Flying()
    for k in range(round(seconds / TICK_S)):
        time_s = k * TICK_S
        if trouble := flying.trouble(time_s, replace(reading_at(time_s), board_time_s=time_s)):
            return trouble, time_s
    return "", seconds


def test_a_drone_that_knows_may_fly_after_two_seconds():
    fit, standing = stood(lambda _: GOOD)
    assert fit
    assert standing.ground_m() == pytest.approx([0.3, -0.2, 0.01])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"battery_v": 3.05}, r"battery at 3\.05 V, allowed: at least 3\.5 V"),
        ({"battery_v": 0.0}, "battery at 0"),
        ({"battery_v": math.nan}, "battery at nan"),
        ({"power_state": BATTERY_LOW}, "battery"),
        ({"power_state": CHARGING}, "charger"),
        ({"power_state": CHARGED}, "charger"),
        ({"velocity_variance": (0.02, 5e-4, 5e-4)}, "does not know its velocity"),
        ({"velocity_variance": (0.0, 0.0, 0.0)}, "does not know its velocity"),
        ({"velocity_variance": (math.nan, 0.0, 0.0)}, "does not know its velocity"),
        ({"velocity_variance": (5e-4, math.nan, 5e-4)}, "does not know its velocity"),
        ({"attitude_age_s": math.nan}, "nothing is heard"),
        ({"health_age_s": math.inf}, "does not tell how well"),
        ({"position_age_s": 1.0}, "nothing is heard"),
        ({"attitude_age_s": math.inf}, "nothing is heard"),
        ({"rate_age_s": 0.5}, "nothing is heard"),
        ({"velocity_m_s": (0.0, 0.2, 0.0)}, "0.20 m/s fast"),
    ],
)
def test_whatever_it_does_not_know_keeps_it_on_the_ground(change, words):
    fit, standing = stood(lambda _: replace(GOOD, **change))
    assert not fit
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(standing.why_not)


@pytest.mark.parametrize("drift_m_s", [0.04, 0.08, -0.5])
def test_an_estimate_that_creeps_is_not_taken_off_with(drift_m_s):
    fit, standing = stood(lambda time_s: replace(GOOD, position_m=(0.0, drift_m_s * time_s, 0.0)), 8.0)
    assert not fit
    assert "no quiet position estimate" in standing.why_not


def test_an_estimate_that_settles_is_waited_for():
    fit, _ = stood(lambda time_s: replace(GOOD, position_m=(math.exp(-3.0 * time_s), 0.0, 0.0)), 8.0)
    assert fit


def test_a_flight_without_trouble_has_none():
    assert flew(lambda time_s: replace(GOOD, position_m=(time_s, 0.0, 1.0), velocity_m_s=(1.0, 0.0, 0.0)))[0] == ""


def test_a_battery_that_stays_low_ends_the_flight_and_a_burst_of_thrust_does_not():
    assert flew(lambda time_s: replace(GOOD, battery_v=2.9 if 1.0 < time_s < 1.8 else 3.4))[0] == ""
    trouble, time_s = flew(lambda time_s: replace(GOOD, battery_v=2.9 if time_s > 1.0 else 3.4))
    assert "battery at 2.90 V" in trouble
    assert time_s == pytest.approx(2.0, abs=0.1)
    assert "battery" in flew(lambda _: replace(GOOD, power_state=BATTERY_LOW))[0]


@pytest.mark.parametrize("volts", [0.0, math.nan])
def test_a_battery_that_is_not_known_any_more_ends_it_too(volts):
    assert "battery" in flew(lambda time_s: replace(GOOD, battery_v=volts if time_s > 1.0 else 3.8))[0]


@pytest.mark.parametrize("variance", [0.1, math.nan])
def test_an_estimator_that_loses_the_drone_ends_the_flight(variance):
    trouble, time_s = flew(lambda t: replace(GOOD, velocity_variance=(variance if t > 1.0 else 5e-4,) * 3))
    assert "lost the drone" in trouble
    assert time_s < 1.7
    assert "lost the drone" in flew(lambda t: replace(GOOD, health_age_s=t))[0]


def test_a_jump_of_the_estimate_ends_the_flight():
    trouble, time_s = flew(lambda t: replace(GOOD, position_m=(0.5 if t > 1.0 else 0.0, 0.0, 1.0)))
    assert "jumped by 0.50 m" in trouble
    assert time_s == pytest.approx(1.02, abs=0.03)


GROUND_Z_M, LOW_M = 0.0, 0.12
DOWN_S, SECONDS = 2.0, 3.2  # of `came_down`: when it touches down; the whole


def came_down(change_at=lambda _: {}, speed_m_s: float = 0.3) -> TouchDown:
    """A drone that sinks to the ground and stands there; `change_at` a time spoils its readings."""
    touch_down = TouchDown(GROUND_Z_M)
    for k in range(round(SECONDS / TICK_S)):
        time_s = k * TICK_S
        above_m = max(0.0, speed_m_s * (DOWN_S - time_s))
        reading = replace(
            GOOD, position_m=(0.3, -0.2, 0.01 + above_m), velocity_m_s=(0.0, 0.0, -speed_m_s * (above_m > 0))
        )
        touch_down.take(time_s, replace(reading, **change_at(time_s)))
    return touch_down


def why_not(touch_down: TouchDown) -> str:
    return touch_down.unrest(LOW_M) or touch_down.crash()


def at(moment_s: float, **change):
    """A change of one tick's reading."""
    return lambda time_s: change if abs(time_s - moment_s) < 0.5 * TICK_S else {}


def tilted(degrees: float) -> tuple[float, float, float, float]:
    half = math.radians(degrees) / 2
    return (math.cos(half), math.sin(half), 0.0, 0.0)


def test_a_drone_that_sinks_gently_to_the_ground_and_stands_has_landed():
    assert why_not(came_down()) == ""
    assert why_not(came_down(at(DOWN_S, jolt_g=5.0))) == "", "a firm landing"
    assert why_not(came_down(at(0.5, position_age_s=1.0, jolt_age_s=1.0))) == "", "silent in the air, and heard again"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"position_m": (0.3, -0.2, 0.43)}, "0.43 m above the ground"),
        ({"velocity_m_s": (0.0, 0.0, -0.5)}, "still moves"),
        ({"position_age_s": 0.5}, "nothing is heard"),
        ({"attitude_age_s": math.nan}, "nothing is heard"),
        ({"position_m": (math.nan, 0.0, 0.0)}, "still moves"),
        ({"position_m": (0.0, 0.0, math.nan)}, "nan m above"),
    ],
)
def test_a_drone_at_rest_is_low_slow_and_still(change, words):
    assert words in came_down(lambda time_s: change if time_s > 2.5 else {}).unrest(LOW_M)


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (at(DOWN_S - TICK_S, velocity_m_s=(0.0, 0.0, -3.1)), "it came down at 3.1 m/s"),
        (at(DOWN_S, jolt_g=9.0), "a jolt of 9.0 g"),
        (at(DOWN_S, jolt_g=math.nan), "a jolt of nan g"),
        (at(DOWN_S, velocity_m_s=(0.0, 0.0, math.nan)), "it came down at nan m/s"),
        (at(DOWN_S, position_age_s=0.3), "nothing was heard from the drone while it touched down"),
        (at(DOWN_S, jolt_age_s=0.3), "nothing was heard from the drone while it touched down"),
        (at(SECONDS - 0.1, attitude=tilted(35.0)), "tilted by 35 degrees"),
        (at(SECONDS - 0.1, attitude=tilted(180.0)), "tilted by 180 degrees"),
        (at(SECONDS - 0.1, attitude=(math.nan,) * 4), "tilted"),
    ],
)
def test_who_is_at_rest_after_a_blow_on_a_side_or_unseen_has_not_landed(spoilt, words):
    touch_down = came_down(spoilt)
    assert touch_down.unrest(LOW_M) == ""
    assert words in touch_down.crash()


def test_a_blow_counts_however_long_the_drone_lay_there_before_its_motors_stopped():
    touch_down = came_down(at(DOWN_S, jolt_g=9.0))
    for k in range(round(10.0 / TICK_S)):
        touch_down.take(SECONDS + k * TICK_S, GOOD)
    assert "a jolt of 9.0 g" in touch_down.crash()


def test_a_blow_in_the_air_after_which_it_flew_on_is_none_of_the_landing():
    assert why_not(came_down(at(0.2, jolt_g=9.0, velocity_m_s=(0.0, 0.0, -2.0)), speed_m_s=0.5)) == ""


def test_nobody_has_landed_of_whom_nothing_is_known():
    assert TouchDown(GROUND_Z_M).unrest(LOW_M) != ""
    bouncing = came_down(lambda time_s: {"position_m": (0.0, 0.1 * (round(time_s / TICK_S) % 2), 0.01)})
    assert "still moves" in bouncing.unrest(LOW_M)
