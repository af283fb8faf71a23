"""The set-up of a drone, on the virtual one through the real cflib: what it finds, what it refuses, how it goes on."""

import math
from pathlib import Path
from typing import Any

import pytest

from robot.commissioning.commissioning import find_commissioning
from robot.commissioning.kinds import called, kind_of
from robot.commissioning.run import set_up
from robot.commissioning.values import Value
from robot.robots.quadrotor.drone_file import load_drone
from robot.robots.quadrotor.setup_drone.hidden_drone import hidden_drone
from robot.robots.quadrotor.setup_drone.options import DroneSetupOptions
from robot.robots.quadrotor.setup_drone.setting_up import NAMES, SettingUpDrone

BY_LIGHT = [seed for seed in range(100) if hidden_drone(seed).config.positioning == "lighthouse"]
SOUND = next(seed for seed in BY_LIGHT if not hidden_drone(seed).bent)
LEANS = 5  # Loco, and an accelerometer 19 mg off
BENT = next(seed for seed in BY_LIGHT if hidden_drone(seed).bent)


def carry_out(folder: Path, **options: Any) -> dict[str, Any]:
    return set_up("crazyflie", find_commissioning("quadrotor"), DroneSetupOptions(**options), True, folder)


def test_a_drone_can_be_set_up_by_its_name() -> None:
    assert called()["crazyflie"] == "quadrotor"
    assert kind_of("crazyflie") == "quadrotor"
    assert hidden_drone(SOUND).right.keys() == set(NAMES) - {"battery_v"}


def test_what_somebody_else_has_built_is_found_flown_and_written(tmp_path: Path) -> None:
    figures = carry_out(tmp_path, hidden_seed=SOUND)
    assert figures["failure"] is None
    assert figures["within"] is True
    assert (figures["refused"], figures["touches"]) == ([], 0)
    assert figures["parameters"]["hover_thrust"]["value"] == pytest.approx(
        hidden_drone(SOUND).right["hover_thrust"], rel=0.03
    )
    drone = load_drone(figures["config"])
    assert (drone.quadrotor, drone.wiring_seed) == (hidden_drone(SOUND).config.quadrotor, SOUND)
    assert f"--robot {figures['config']}" in figures["next"]


def test_a_bent_propeller_is_named_and_not_flown_and_what_was_found_is_kept(tmp_path: Path) -> None:
    figures = carry_out(tmp_path, hidden_seed=BENT)
    bent = f"propeller_{hidden_drone(BENT).bent}"
    assert f"it is not flown: {bent} (not plausible" in figures["failure"]
    assert figures["refused"] == [bent, "hover_thrust"]
    assert figures["within"] is True
    assert (figures["config"], figures["touches"]) == (None, 0)
    with SettingUpDrone(DroneSetupOptions(hidden_seed=BENT), tmp_path) as again:
        assert [step.name for step in again.steps] == ["link", "at_rest", "tests", "hop", "file"]


def test_an_accelerometer_that_leans_is_named_not_flown_and_what_was_found_is_kept(tmp_path: Path) -> None:
    hidden = hidden_drone(LEANS)
    roll, pitch = (math.degrees(hidden.config.imu_bias[axis]) for axis in (4, 3))
    figures = carry_out(tmp_path, hidden_seed=LEANS)
    assert "its accelerometer leans by 1.1 degrees" in figures["failure"]
    assert f"{roll:+.1f} to Roll Trim and {pitch:+.1f} to Pitch Trim" in figures["failure"]
    assert figures["refused"] == ["hover_thrust"]
    assert figures["within"] is True
    assert (figures["config"], figures["touches"]) == (None, 0)


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for options, words in (
        ({"robot": "crazyflie", "hidden_seed": 1}, "--hidden-seed: found 1, allowed: with a virtual drone alone"),
        ({"uri": "usb://0"}, "--uri: found 'usb://0'"),
        ({"hidden_seed": -1}, "--hidden-seed: found -1"),
    ):
        with pytest.raises(ValueError, match=words):
            SettingUpDrone(DroneSetupOptions(**options), tmp_path)  # type: ignore[arg-type]


def test_a_value_that_does_not_hold_the_truth_is_told(tmp_path: Path) -> None:
    with SettingUpDrone(DroneSetupOptions(hidden_seed=SOUND), tmp_path) as setting_up:
        value = Value("hover_thrust", 0.3, 0.29, 0.31)
        figures = setting_up.figures({"hop": {"values": [vars(value)]}})
        assert figures["within"] is False
