"""Robots and runs: what is read, and what is said about a wrong field."""

from pathlib import Path

import pytest

from robot.config import load_drone, load_robot, robot_names
from robot.practice.settings import PracticeConfig, load_config, new_run_folder, save_config

DRONES = ("crazyflie", "virtual-crazyflie")


@pytest.mark.parametrize("name", [name for name in robot_names() if name not in DRONES])
def test_every_car_that_comes_with_the_project_can_be_read(name: str) -> None:
    assert load_robot(name).vesc.baud > 0


@pytest.mark.parametrize("name", DRONES)
def test_every_drone_that_comes_with_the_project_can_be_read(name: str) -> None:
    assert load_drone(name).crazyflie.reach_m > 1.5, "room for a figure-of-eight"


@pytest.mark.parametrize(
    ("virtual", "more"),
    [("false", ""), ("true", '[crazyflie.motion_capture]\nbody = "cf"\nudp = "127.0.0.1:5005"\n')],
)
def test_positioning_is_for_virtual_drones_that_nothing_else_positions(tmp_path: Path, virtual: str, more: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'virtual = {virtual}\n[crazyflie]\nuri = "virtual"\npositioning = "flow"\n{more}')
    with pytest.raises(ValueError, match=r"mine\.toml: crazyflie\.positioning: found 'flow', allowed with virtual"):
        load_drone(str(path))
    path.write_text('virtual = true\n[crazyflie]\nuri = "virtual"\nquadrotor = "crazyflie_2_0"\npositioning = "flow"\n')
    assert load_drone(str(path)).crazyflie.quadrotor == "crazyflie_2_0"


def test_a_drone_is_no_car() -> None:
    with pytest.raises(ValueError, match=r"crazyflie\.toml: "):
        load_robot("crazyflie")


def test_an_unknown_robot_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"--robot: found 'tank', allowed: .*f1tenth.*virtual-car"):
        load_robot("tank")


def test_a_wrong_field_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('virtual = false\ncar = "f1tenth"\n[vesc]\nport = 3\n[lidar]\nport = "x"\n')
    with pytest.raises(ValueError, match=r"mine\.toml: .*\$\.vesc\.port"):
        load_robot(str(path))


def test_a_config_comes_back_from_its_run_folder(tmp_path: Path) -> None:
    config = PracticeConfig(minutes=3.0, hidden_seed=4, start_from="scratch")
    folder = new_run_folder(tmp_path, "race_track", "practice")
    save_config(folder, config)
    assert load_config(folder) == config


def test_two_runs_in_one_second_have_two_folders(tmp_path: Path) -> None:
    assert new_run_folder(tmp_path, "race_track", "a") != new_run_folder(tmp_path, "race_track", "a")


@pytest.mark.parametrize("field", [{"minutes": 0.0}, {"minutes": float("nan")}, {"seed": -1}, {"map": "nowhere.yaml"}])
def test_what_cannot_be_asked_for_is_refused_by_name(field: dict) -> None:
    with pytest.raises(ValueError, match=f"--{next(iter(field))}: found"):
        PracticeConfig(**field)
