"""`robot evaluate` of a policy that drives: in the simulator, and what means devices."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from policies.actor import weight_count
from policies.policy_file import save_policy
from robot.cli.evaluate import main as evaluate
from robot.robots.car import judging
from robot.robots.car.judge import CarEvaluateConfig
from robot.robots.car.training.pretraining import LAYERS


@pytest.fixture(autouse=True)
def yardstick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a yardstick is has its own tests; here every one is about that of the oval."""
    monkeypatch.setattr(judging, "lookup_or_compute", lambda *_, **__: SimpleNamespace(lap_s=5.02))


def figures_of(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int = 0) -> dict[str, Any]:
    assert evaluate([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_shipped_policy_laps_every_car(capsys: pytest.CaptureFixture[str]) -> None:
    figures = figures_of(capsys, ["shipped", "--laps", "3"])
    assert figures["judged_on"] == "simulator" and figures["failure"] == ""
    assert figures["laps"] == figures["clean_laps"] == len(figures["lap_times_s"]) == 3
    assert figures["median_lap_s"] == np.median(figures["lap_times_s"])
    assert figures["median_ratio"] == pytest.approx(figures["median_lap_s"] / 5.02, abs=1e-4)
    assert 1.0 < figures["median_ratio"] < 1.2 and figures["collisions"] == 0
    assert list(figures["conditions"])[:2] == ["nominal", "grip -15 %"] and len(figures["conditions"]) == 10
    assert all(set(found) == {"policy"} for found in figures["conditions"].values()), (
        "there is nobody to compare it with"
    )


def test_another_policy_is_judged_beside_the_shipped_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = np.zeros(weight_count(LAYERS), np.float32)  # straight on at middling speed: it meets a wall every time
    save_policy(tmp_path / "policy.npz", weights, LAYERS, "race_track", 10.0)
    figures = figures_of(capsys, [str(tmp_path), "--laps", "2", "--hidden-seed", "101"], status=1)
    assert figures["laps"] == 0 and figures["median_ratio"] is None and figures["collisions"] > 0
    own, nominal = list(figures["conditions"].items())[:2]
    assert (own[0], nominal[0]) == ("hidden car 101", "nominal")
    assert own[1]["shipped"]["laps"] == 2 and own[1]["shipped"] != nominal[1]["shipped"]


def test_the_seed_is_that_of_the_estimates_errors(capsys: pytest.CaptureFixture[str]) -> None:
    one, again, other = (figures_of(capsys, ["shipped", "--laps", "1", "--seed", seed]) for seed in "112")
    assert one["lap_times_s"] == again["lap_times_s"] != other["lap_times_s"]


def test_a_runs_own_track_and_hidden_car_are_driven(made_up_run: Path) -> None:
    config = judging.of_run(CarEvaluateConfig(str(made_up_run)))
    assert config.track == "oval" and config.start is None
    assert judging.of_run(CarEvaluateConfig(str(made_up_run), track="bean")).track == "bean"


@pytest.mark.parametrize("options", [{"clock": "realtime"}, {"start": (1.0, 2.0, 90.0)}, {"predictive_brake": False}])
def test_options_of_devices_mean_the_virtual_car(options: dict[str, Any]) -> None:
    assert CarEvaluateConfig(**options).robot == "virtual-car"
    assert CarEvaluateConfig(**options, robot="my-car.toml").robot == "my-car.toml"
    assert CarEvaluateConfig(hidden_seed=1, track="ell", laps=3, seed=4).robot == ""


def test_a_policy_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="RUN: found no nowhere, allowed: shipped"):
        evaluate(["nowhere"])


@pytest.mark.parametrize("option", ["--laps=0", "--seed=-1", "--loop=1", "--map=nowhere.yaml"])
def test_wrong_options_are_named(option: str) -> None:
    with pytest.raises((ValueError, SystemExit)):
        evaluate(["shipped", option])
