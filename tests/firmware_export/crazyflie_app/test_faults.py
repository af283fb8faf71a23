"""Whatever goes wrong gives the rotors back in the same step, and stays so."""

import math
import re
import shutil

import numpy as np
import pytest

from drivers.emulators.crazyflie_app import ABSOLUTE, LEGACY, OFF, VELOCITY
from firmware_export.crazyflie_app import build_for_host
from tests.firmware_export.app_flight import AppFlight, put
from tests.firmware_export.crazyflie_app.bench import (
    DRONE,
    NOT_FINITE,
    PARAMETER,
    POSITION,
    RATE,
    SELF_TEST,
    SETPOINT_KIND,
    SETPOINT_OLD,
    TILT,
    Bench,
)


def spoil_with(flight: AppFlight, what: str) -> None:
    """Let something be wrong from the next step on."""
    nan = float("nan")
    gyro, position, q = flight.sensors.gyro, flight.state.position, flight.state.attitudeQuaternion
    spoilers = {
        "tilt": lambda: put(q, (math.sin(0.7), 0.0, 0.0, math.cos(0.7))),
        "roll rate": lambda: setattr(gyro, "x", 1001.0),
        "pitch rate": lambda: setattr(gyro, "y", -1001.0),
        "yaw rate": lambda: setattr(gyro, "z", 1001.0),
        "ahead": lambda: setattr(position, "x", 3.5),
        "aside": lambda: setattr(position, "y", -3.5),
        "high": lambda: setattr(position, "z", 4.5),
        "nan position": lambda: setattr(position, "z", nan),
        "infinite velocity": lambda: setattr(flight.state.velocity, "x", float("inf")),
        "nan attitude": lambda: setattr(q, "w", nan),
        "nan gyro": lambda: setattr(gyro, "y", nan),
        "nan set-point": lambda: setattr(flight.setpoint.position, "y", nan),
        "no x": lambda: setattr(flight.setpoint.mode, "x", VELOCITY),
        "no y": lambda: setattr(flight.setpoint.mode, "y", VELOCITY),
        "no z": lambda: setattr(flight.setpoint.mode, "z", OFF),
        "tilt limit": lambda: flight.set("tiltDeg", nan),
        "rate limit": lambda: flight.set("rateDegS", nan),
        "fence": lambda: flight.set("fenceM", -1.0),
        "no thrust": lambda: flight.set("fullN", 0.0),
    }
    flight.spoil = spoilers[what]


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("tilt", TILT), ("roll rate", RATE), ("pitch rate", RATE), ("yaw rate", RATE), ("ahead", POSITION),
        ("aside", POSITION), ("high", POSITION), ("no x", SETPOINT_KIND), ("no y", SETPOINT_KIND),
        ("no z", SETPOINT_KIND), ("nan position", NOT_FINITE), ("infinite velocity", NOT_FINITE),
        ("nan attitude", NOT_FINITE), ("nan gyro", NOT_FINITE), ("nan set-point", NOT_FINITE),
        ("tilt limit", PARAMETER), ("rate limit", PARAMETER), ("fence", PARAMETER), ("no thrust", PARAMETER),
    ],
)  # fmt: skip
def test_whatever_goes_wrong_hands_back_in_the_same_step_and_stays_so(flying, what, fault):
    flying.fly(0.003)  # between two decisions
    flying.pid_steps.clear()
    spoil_with(flying, what)
    flying.step()
    assert flying.control.controlMode == LEGACY and flying.control.thrust > 0.0
    assert flying.pid_steps == [0]  # all of its loops at once
    assert (flying.log("active"), flying.log("fault"), flying.log("handbacks")) == (0, fault, 1)
    flying.spoil = lambda: None
    flying.setpoint.mode.x = flying.setpoint.mode.y = flying.setpoint.mode.z = ABSOLUTE
    flying.fly(0.3)
    assert flying.log("active") == 0 and flying.log("fault") == fault
    assert flying.pid_steps[1:] == list(range(flying.now_ms - 299, flying.now_ms + 1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_none_of_the_numbers_it_sees_may_be_other_than_finite(apps, value):
    bench = Bench(apps["hover"])
    state, setpoint = bench.state, bench.setpoint
    for place, axes in (
        (state.position, "xyz"), (state.velocity, "xyz"), (state.attitudeQuaternion, "xyzw"),
        (bench.sensors.gyro, "xyz"), (setpoint.position, "xyz"),
    ):  # fmt: skip
        for axis in axes:
            assert np.isfinite(bench.first_forces()).all()
            before = getattr(place, axis)
            setattr(place, axis, value)
            assert np.isnan(bench.step()).all() and bench.app.logs["policy.fault"].value == NOT_FINITE
            setattr(place, axis, before)


def test_after_a_fault_it_flies_again_when_it_is_armed_anew(flying):
    spoil_with(flying, "yaw rate")
    flying.step()
    flying.spoil = lambda: None
    flying.set("arm", 0)
    flying.fly(0.5)
    assert flying.log("fault") == 0
    flying.set("arm", 1)
    flying.fly(0.01)
    assert flying.log("active") == 1 and flying.log("refusals") == 0


def test_200_ms_without_a_new_set_point_are_the_most(flying):
    while flying.log("age"):
        flying.step()
    flying.sends = False
    flying.fly(0.2)
    assert flying.log("active") == 1
    flying.step()
    assert (flying.log("active"), flying.log("fault")) == (0, SETPOINT_OLD)
    assert flying.control.controlMode == LEGACY
    flying.sends = True
    flying.fly(0.1)
    assert flying.log("active") == 0


@pytest.mark.parametrize(("what", "fault"), [("tilt", TILT), ("no z", SETPOINT_KIND), ("nan gyro", NOT_FINITE)])
def test_it_does_not_take_over_when_it_would_have_to_hand_back(flight, what, fault):
    flight.fly(0.1)
    spoil_with(flight, what)
    flight.set("arm", 1)
    flight.step()
    assert (flight.log("active"), flight.log("fault")) == (0, fault)
    assert (flight.log("refusals"), flight.log("handbacks"), flight.log("decisions")) == (1, 0, 0)
    assert flight.pid_steps[-1] == flight.now_ms


def test_without_any_set_point_it_does_not_take_over(flight):
    flight.sends = False
    flight.set("arm", 0)
    flight.step()
    flight.set("arm", 1)
    flight.step()
    assert (flight.log("active"), flight.log("fault")) == (0, SETPOINT_OLD)


def test_the_fence_stands_about_the_place_where_it_is_armed(apps):
    bench = Bench(apps["hover"])
    put(bench.state.position, (40.0, -40.0, 7.0))
    put(bench.setpoint.position, (40.0, -40.0, 7.0))
    assert np.isfinite(bench.first_forces()).all()
    bench.state.position.x = 43.1
    assert np.isnan(bench.step()).all() and bench.app.logs["policy.fault"].value == POSITION


@pytest.mark.parametrize("lap_s", [0.0, 3.0, -5.5, 2000.0, float("nan")])
def test_a_lap_that_cannot_be_flown_is_refused(apps, lap_s):
    bench = Bench(apps["track_trajectory"])
    bench.app.parameters["policy.lapS"].value = lap_s
    assert np.isnan(bench.first_forces()).all() and bench.app.logs["policy.fault"].value == PARAMETER


def test_one_alone_arms(apps):
    bench = Bench(apps["hover"])
    bench.step()
    bench.app.parameters["policy.arm"].value = 2
    assert np.isnan(bench.step()).all()


def test_a_drone_never_wakes_up_armed(flight):
    assert flight.app.parameters["policy.arm"].value == 0
    flight.fly(0.1)
    assert flight.log("active") == 0 and flight.pid_steps == list(range(1, 101))


def test_when_the_controller_is_chosen_anew_it_must_be_armed_anew(flying):
    flying.app.init()
    flying.fly(0.1)
    assert flying.log("active") == 0 and flying.control.controlMode == LEGACY
    flying.set("arm", 0)
    flying.step()
    flying.set("arm", 1)
    flying.step()
    assert flying.log("active") == 1


@pytest.mark.parametrize(("weight", "bit"), [(0, 8), (1777, 1), (4095, 2)])
def test_with_one_flipped_bit_in_its_weights_it_refuses_to_fly(apps, tmp_path, weight, bit):
    folder = shutil.copytree(apps["hover"], tmp_path / "app")
    code = (folder / "src" / "policy.c").read_text()
    weights = list(re.finditer(r"0x1\.([0-9a-f])", code[code.index("/* weights_2 */") :]))
    at = code.index("/* weights_2 */") + weights[weight].start(1)
    (folder / "src" / "policy.c").write_text(code[:at] + f"{int(code[at], 16) ^ bit:x}" + code[at + 1 :])
    flight = AppFlight(build_for_host(folder), DRONE)
    assert flight.app.parameters["policy.selfOk"].value == 0
    assert "FAILED" in flight.app.console[0]
    flight.fly(0.1)
    flight.set("arm", 1)
    flight.fly(0.1)
    assert (flight.log("active"), flight.log("fault"), flight.log("refusals")) == (0, SELF_TEST, 1)
