"""A car's options: what is kept of them, and what is refused."""

from pathlib import Path

import pytest

from robot.practice.settings import load_config
from robot.robots.car.options import CarOptions
from robot.robots.car.world import true_car
from robot.runtime.run_folder import new_run_folder, save_config
from sim.car.model import hidden_car


def test_a_config_comes_back_from_its_run_folder(tmp_path: Path) -> None:
    config = CarOptions(minutes=3.0, hidden_seed=4, start_from="scratch")
    folder = new_run_folder(tmp_path, "race_track", "practice")
    save_config(folder, config)
    assert load_config(folder, CarOptions) == config


def test_two_runs_in_one_second_have_two_folders(tmp_path: Path) -> None:
    assert new_run_folder(tmp_path, "race_track", "a") != new_run_folder(tmp_path, "race_track", "a")


@pytest.mark.parametrize("field", [{"minutes": 0.0}, {"minutes": float("nan")}, {"seed": -1}, {"map": "nowhere.yaml"}])
def test_what_cannot_be_asked_for_is_refused_by_name(field: dict) -> None:
    with pytest.raises(ValueError, match=f"--{next(iter(field))}: found"):
        CarOptions(**field)


def test_tyres_are_drawn_apart_by_a_seed_alone() -> None:
    with pytest.raises(ValueError, match="--hidden-tyres: found 'apart', allowed: with --hidden-seed"):
        CarOptions(hidden_tyres="apart")
    car = true_car(CarOptions(hidden_seed=406, hidden_tyres="apart"))
    assert car == hidden_car(406, apart=True) != true_car(CarOptions(hidden_seed=406))
