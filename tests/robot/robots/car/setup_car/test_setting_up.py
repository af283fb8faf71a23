"""The set-up of a car as its kind declares it: steps, figures, and what to do next."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from drivers.emulators.hidden_wiring import hidden_wiring
from robot.commissioning.commissioning import find_commissioning
from robot.commissioning.kinds import kind_of, kinds
from robot.commissioning.steps import SetupError
from robot.robots.car.setup_car import setting_up as module
from robot.robots.car.setup_car.setting_up import NAMES, CarSetupOptions, SettingUpCar
from robot.robots.car.setup_car.values import Value


def quiet(share: float, text: str) -> None:
    """Nobody is told."""


def found_with(**changes: Value) -> dict[str, dict[str, Any]]:
    """What the steps of hidden car 5 would find, if every value were right."""
    right = hidden_wiring(5).right
    values = {
        name: Value(
            name, true, true if isinstance(true, bool) else true - 0.01, true if isinstance(true, bool) else true + 0.01
        )
        for name, true in right.items()
    }
    return {
        "arcs": {"values": [asdict(value) for value in (values | changes).values()]},
        "file": {"config": "car.toml"},
    }


def test_a_car_can_be_set_up_and_what_is_no_car_cannot(tmp_path: Path) -> None:
    assert "car" in kinds()
    assert kind_of("f1tenth") == "car"
    assert find_commissioning("car").begin is SettingUpCar
    assert kind_of("virtual-crazyflie") == "quadrotor"
    (tmp_path / "eye.toml").write_text('[devices.eye]\ndriver = "camera"\n')
    with pytest.raises(ValueError, match=r"eye\.toml', allowed: a robot of one of the kinds arm, car, crazyflie"):
        kind_of(str(tmp_path / "eye.toml"))


def test_every_value_of_the_house_is_measured_or_refused(tmp_path: Path) -> None:
    assert set(NAMES) == hidden_wiring(5).right.keys()
    with SettingUpCar(CarSetupOptions(hidden_seed=5), tmp_path) as car:
        figures = car.figures({})
        assert figures["refused"] == list(NAMES)
        assert (figures["config"], figures["parameters"], figures["touches"]) == (None, {}, 0)


def test_figures_compare_each_value_with_the_truth(tmp_path: Path) -> None:
    with SettingUpCar(CarSetupOptions(hidden_seed=5), tmp_path) as car:
        figures = car.figures(found_with())
        assert figures["within"] is True and figures["refused"] == []
        assert figures["parameters"]["mirrored"]["true"] is hidden_wiring(5).right["mirrored"]
        wrong = car.figures(found_with(servo_gain=Value("servo_gain", 1.0, 0.9, 1.1)))
        assert wrong["within"] is False
        refused = car.figures(found_with(servo_gain=Value("servo_gain", 1.0, 0.9, 1.1, "not plausible: 1")))
        assert refused["within"] is True
        assert (refused["refused"], refused["reasons"]) == (["servo_gain"], {"servo_gain": "not plausible: 1"})


def test_a_direction_may_be_told_with_a_whole_turn_more(tmp_path: Path) -> None:
    true = float(hidden_wiring(5).right["mount_yaw_rad"]) + math.tau
    with SettingUpCar(CarSetupOptions(hidden_seed=5), tmp_path) as car:
        figures = car.figures(found_with(mount_yaw_rad=Value("mount_yaw_rad", true, true - 0.01, true + 0.01)))
    assert figures["within"] is True
    assert figures["parameters"]["mount_yaw_rad"]["true"] == pytest.approx(true)


def test_a_real_car_has_no_truth_and_no_hidden_seed(tmp_path: Path) -> None:
    with SettingUpCar(CarSetupOptions(robot="f1tenth"), tmp_path) as car:
        figures = car.figures(found_with())
        assert (figures["within"], figures["touches"], figures["parameters"]["mirrored"]["true"]) == (None, None, None)
        assert car.next_command(found_with()) == "robot practice --task race_track --robot car.toml --mapless"
    with pytest.raises(ValueError, match="--hidden-seed: found 5"):
        SettingUpCar(CarSetupOptions(robot="f1tenth", hidden_seed=5), tmp_path)


def test_the_first_steps_are_carried_out_on_the_emulated_devices(tmp_path: Path) -> None:
    with SettingUpCar(CarSetupOptions(hidden_seed=5), tmp_path) as car:
        up, roll = (step.carry_out({}, quiet) for step in car.steps[:2])
        gain = abs(4614.0 / hidden_wiring(5).right["erpm_per_m_s"])
        assert roll["gain"] == pytest.approx(gain, rel=0.1)
        assert up["firmware"].startswith("6.02") or up["firmware"].startswith("6.2")
        assert (up["touches"], roll["touches"]) == (0, 0)
        assert 2.0 < up["robot_s"] < 20.0


@pytest.mark.parametrize("figures", [{"failure": "no room", "demo_lap_s": None}, {"failure": "", "demo_lap_s": None}])
def test_a_lap_that_is_not_driven_to_its_end_is_no_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: dict[str, Any]
) -> None:
    monkeypatch.setattr(module, "demonstrate", lambda options: figures | {"collisions": 1, "interrupted": False})
    with SettingUpCar(CarSetupOptions(hidden_seed=5), tmp_path) as car:
        with pytest.raises(SetupError, match="slow lap ended early"):
            car.steps[-1].carry_out(found_with(), quiet)
        assert car.figures(found_with())["touches"] == 1


def test_a_lap_that_somebody_ends_is_interrupted_whatever_came_of_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to end by its caller, it may not come to rest in time: that is no fault of the car."""
    ended = {"failure": "control did not end within 8 s", "demo_lap_s": None, "interrupted": True, "collisions": 0}
    monkeypatch.setattr(module, "demonstrate", lambda options: ended)
    words = "the slow lap was interrupted: control did not end within 8 s"
    with SettingUpCar(CarSetupOptions(hidden_seed=5), tmp_path) as car, pytest.raises(KeyboardInterrupt, match=words):
        car.steps[-1].carry_out(found_with(), quiet)


def test_a_car_whose_motor_controller_measures_nothing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="--robot: found 'virtual-donkeycar-lidar', whose motor controller measures nothing"
    ):
        SettingUpCar(CarSetupOptions(robot="virtual-donkeycar-lidar"), tmp_path)
