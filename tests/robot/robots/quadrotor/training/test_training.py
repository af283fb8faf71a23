"""`robot train --task hover`: what it writes, what it reports, what it refuses."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.policy_file import load_policy
from robot.cli import train as verb
from robot.robots.quadrotor.app_of_run import learned_with, trained_for
from robot.robots.quadrotor.evaluation.evaluation import Conditions
from robot.robots.quadrotor.evaluation.judgement import MORE_DELAY_S
from robot.robots.quadrotor.training import recipes, training
from robot.robots.quadrotor.training.first_order import FirstOrder
from robot.robots.quadrotor.training.recipes import LATENCY_S, NOMINAL, learner_for, quadrotors_for, recipe_for
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.robots.quadrotor.training.training import CHECKS_MAX, CHECKS_MIN, due, judged
from robot.tasks import hover
from robot.training.picture import plot_training
from robot.training.train import train
from robot.training.trainer import Check
from sim.input_files import read_toml
from sim.quadrotor.model import CRAZYFLIES, FLEET, load_parameters

BRIEF = FlightTrainConfig(quadrotor="crazyflie_2_0", seed=3, effort=0.25)


@pytest.fixture(scope="module", autouse=True)
def few_flights() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "JUDGED_FLIGHTS", 200)
        patch.setattr(training, "CHECK_FLIGHTS", 64)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return train(BRIEF, root=tmp_path_factory.mktemp("runs"))


def test_a_brief_training_flies(run: dict[str, Any]) -> None:
    assert run["survival"] > 0.95 and run["survival_randomised"] > 0.9
    assert run["position_error_m"] < 0.12 and run["action_change"] < 0.06
    assert run["env_steps"] > 300_000 and run["updates"] == recipe_for(BRIEF).iterations
    assert run["wall_s"] > 0.0 and run["compile_s"] > 0.0
    json.dumps(run, allow_nan=False)


def test_the_default_flies_every_crazyflie_and_names_each(tmp_path: Path) -> None:
    figures = train(FlightTrainConfig(effort=0.02), root=tmp_path)
    assert tuple(figures["airframes"]) == CRAZYFLIES
    shares = [found["survival"] for found in figures["airframes"].values()]
    assert figures["survival"] == pytest.approx(sum(shares) / len(shares))
    assert trained_for(Path(figures["run"])) == FLEET
    assert learned_with(Path(figures["run"])) == "crazyflie_2_1"
    assert learned_with(Path(figures["run"]), "crazyflie_2_1_brushless") == "crazyflie_2_1_brushless"


def test_a_fleet_has_met_later_answers_uneven_rotors_and_weak_drones_twice() -> None:
    config = FlightTrainConfig()
    recipe, quadrotors = recipe_for(config), quadrotors_for(config)
    assert [quadrotors.count(load_parameters(name)) for name in CRAZYFLIES] == [1, 2, 2, 1]
    assert recipe.spread.latency_high_s > LATENCY_S + MORE_DELAY_S > recipe.spread_of_others.latency_high_s
    assert recipe.spread.torque_share_m > 4.0 * NOMINAL.torque_share_m
    assert recipe_for(replace(config, randomise=False)).spread.mass == 0.0 < recipe.spread.mass


def test_the_runs_folder_holds_all_that_it_should(run: dict[str, Any]) -> None:
    folder = Path(run["run"])
    assert folder.parent.name == "hover" and folder.name.endswith("-train")
    assert read_toml(folder / "config.toml")["seed"] == 3
    assert plot_training(folder).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == sorted(due(recipe_for(BRIEF).iterations))


def test_a_training_of_a_second_is_not_held_up_by_looks() -> None:
    assert sorted(due(350)) == [117, 233, 350] and sorted(due(600)) == [100, 200, 300, 400, 500, 600]
    assert len(due(30)) == CHECKS_MIN and len(due(6000)) == CHECKS_MAX and max(due(6000)) == 6000
    assert due(1) == {1}


def test_the_saved_policy_is_the_one_that_was_judged(run: dict[str, Any]) -> None:
    policy = load_policy(Path(run["run"]) / "policy.npz", "hover", 18 + 4 * 16)
    again = judged(policy.weights, policy.layers, hover, {"crazyflie_2_0": Conditions()})
    assert again == {key: run[key] for key in again}
    assert policy.metadata["rate_hz"] == pytest.approx(100.0)


def test_ctrl_c_keeps_the_best_policy_so_far(tmp_path: Path) -> None:
    def interrupt(check: Check) -> None:
        raise KeyboardInterrupt

    config = FlightTrainConfig(quadrotor="crazyflie_2_0", effort=0.05)
    figures = train(config, interrupt, tmp_path)
    assert figures["interrupted"] and figures["updates"] < recipe_for(config).iterations
    assert load_policy(Path(figures["run"]) / "policy.npz").metadata["task"] == "hover"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"effort": 0.0}, "--effort"),
        ({"seed": -1}, "--seed"),
        ({"algorithm": "ppo", "quadrotor": "crazyflie_2_0", "task": "track_trajectory"}, "--algorithm"),
        ({"algorithm": "ppo"}, "--algorithm.*crazyflies.*gradient"),
        ({"start": "thrown", "task": "track_trajectory"}, "--start"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        FlightTrainConfig(**options)


def test_an_unknown_quadrotor_or_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="balloon"):
        train(FlightTrainConfig(quadrotor="balloon"), root=tmp_path)
    with pytest.raises(ValueError, match="juggle"):
        verb.main(["--task", "juggle"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "least"), [({"past_actions": 2, "quadrotor": "crazyflie_2_0"}, 3), ({"past_actions": 3}, 4)]
)
def test_past_actions_that_the_latency_reaches_beyond_are_refused(
    options: dict[str, Any], least: int, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"--past-actions.*found {least - 1}, allowed: at least {least} "):
        train(FlightTrainConfig(**options), root=tmp_path)
    assert not list(tmp_path.iterdir())
    learner = learner_for(FlightTrainConfig(**options | {"past_actions": least}, effort=1e-9))
    assert isinstance(learner, FirstOrder) and len(learner.flocks[0].drones.delay_shares) == least + 1


def test_the_verb_prints_one_json_object_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (recipes, training):
        monkeypatch.setattr(module, "iterations_for", lambda config: 40)
    assert verb.main(["--task=hover", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"run", "wall_s", "compile_s", "env_steps", "updates", "survival", "position_error_m", "action_change",
            "survival_randomised"} <= figures.keys()  # fmt: skip
    assert (tmp_path / figures["run"] / "policy.npz").is_file()


def test_help_teaches_the_cars_options_and_the_quadrotors(capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "--courses" in text and "--algorithm" in text
