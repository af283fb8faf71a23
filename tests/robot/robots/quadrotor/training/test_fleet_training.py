"""`robot train --task hover --fleet any`: what it writes, what it reports, what it refuses."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from policies.policy_file import EVERY_KIND, load_policy
from policies.recurrent_actor import RecurrentLayers
from robot.robots.quadrotor.training import fleet_training
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.robots.quadrotor.training.shipping import ship
from robot.robots.quadrotor.training.training import lines
from robot.training.picture import is_training
from robot.training.train import train
from sim.input_files import read_toml
from sim.quadrotor.model import QUADROTORS

BRIEF = FlightTrainConfig(task="hover", fleet="any", effort=80 / 6000, seed=4)


@pytest.fixture(scope="module", autouse=True)
def few_flights() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUDGED_FLIGHTS", "NAMED_FLIGHTS", "CHECK_FLIGHTS", "LONG_FLIGHTS"):
            patch.setattr(fleet_training, name, 64)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return train(BRIEF, root=tmp_path_factory.mktemp("runs"))


def test_a_brief_training_reports_every_distribution_and_every_name(run: dict[str, Any]) -> None:
    assert run["parameters"] == 2100 and run["updates"] == 80 + 13 and run["env_steps"] > 200_000
    assert set(run["survival_named"]) == set(run["error_named_m"]) == set(run["airframes"]) == set(QUADROTORS)
    for share in ("survival", "survival_late", "survival_beyond", "survival_randomised", "survival_in_task_box"):
        assert 0.0 <= run[share] <= 1.0
    assert run["survival_in_task_box"] <= run["survival"] and run["survival_named"]["x500"] > 0.2  # it flies by now
    assert run["survival_60_s"] <= 1.0 and set(run["rates_after_30_s_named_deg_s"]) == set(QUADROTORS)
    json.dumps(run, allow_nan=False)
    rows = (Path(run["run"]) / "metrics.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == [
        13,
        27,
        53,
        80,
        93,
    ]  # the early copy's first, then of the last stage
    steps = [int(row.split(",")[3]) for row in rows]
    assert (
        steps[0] > steps[1] and run["env_steps"] == steps[-1]
    )  # which flew on to its end, and taught the others nothing
    told = "\n".join(lines(run))
    assert "2100" in told and "for a minute" in told and all(name in told for name in QUADROTORS)


def test_the_run_holds_a_policy_with_memory(run: dict[str, Any]) -> None:
    folder = Path(run["run"])
    policy = load_policy(folder / "policy.npz", "hover", 22, EVERY_KIND)
    assert policy.layers == RecurrentLayers(22, 16, 16, 4) and len(policy.weights) == 2100
    assert policy.metadata["trained"]["fleet"] == "any"
    assert read_toml(folder / "config.toml")["fleet"] == "any" and is_training(folder)
    with pytest.raises(ValueError, match="kind"):
        load_policy(folder / "policy.npz")


def test_a_policy_is_shipped_without_what_another_run_would_have_otherwise(run: dict[str, Any], tmp_path: Path) -> None:
    ship(Path(run["run"]), tmp_path / "shipped.npz")
    own, shipped = (load_policy(path, "hover", 22, EVERY_KIND) for path in
                    (Path(run["run"]) / "policy.npz", tmp_path / "shipped.npz"))  # fmt: skip
    assert (shipped.weights == own.weights).all() and shipped.layers == own.layers
    assert own.metadata["trained"].keys() - shipped.metadata["trained"].keys() == {"run", "wall_s", "compile_s"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"fleet": "all"}, "--fleet: found 'all', allowed: any, published"),
        ({"quadrotor": "crazyflie_2_1"}, "--quadrotor: found crazyflie_2_1, allowed with --fleet any: crazyflies"),
        ({"past_actions": 32}, "--past-actions: found 32, allowed with --fleet any: 16"),
        ({"start": "thrown"}, "--start: found thrown, allowed with --fleet any: near"),
        ({"algorithm": "ppo"}, "--algorithm: found ppo, allowed with --fleet any: gradient"),
        ({"randomise": False}, "--randomise: found False, allowed with --fleet any: True"),
    ],
)
def test_options_that_do_not_go_with_a_fleet_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FlightTrainConfig(**({"task": "hover", "fleet": "any"} | options))


@pytest.mark.parametrize(
    ("better", "worse"), [((0.97, 0.015), (0.969, 0.001)), ((0.97, 0.025), (0.97, 0.03)), ((0.5, 0.3), (0.0, None))]
)
def test_survivors_count_and_errors_beyond_what_is_near_enough(
    monkeypatch: pytest.MonkeyPatch, better: tuple[float, float], worse: tuple[float, float | None]
) -> None:
    def score(survival: float, error_m: float | None) -> float:
        figures = {"survival": survival, "error_median_m": error_m}
        monkeypatch.setattr(fleet_training, "fly_fleet", lambda *told, **more: SimpleNamespace(figures=lambda: figures))
        learner = fleet_training.learner_for(BRIEF)
        return fleet_training.look(learner.weights, learner).score

    assert score(*better) < score(*worse)


def test_who_has_learned_to_hover_for_long_is_kept_and_who_is_told_or_tracks_needs_no_last_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {"survival": 1.0, "error_median_m": 0.01}
    monkeypatch.setattr(fleet_training, "fly_fleet", lambda *told, **more: SimpleNamespace(figures=lambda: found))
    learner = fleet_training.learner_for(BRIEF)
    before = fleet_training.look(learner.weights, learner).score
    learner.begin_last_stage()
    found["survival"] = 0.5
    assert fleet_training.look(learner.weights, learner).score < before
    for other in (replace(BRIEF, told=True), replace(BRIEF, task="track_trajectory")):
        recipe = fleet_training.recipe_for(other)
        assert recipe.all_iterations == recipe.iterations == 80
