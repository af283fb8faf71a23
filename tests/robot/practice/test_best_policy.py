"""The best policy is that of five clean laps in a row, and stays until a better one comes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policies.actor import weight_count
from policies.policy_file import load_policy, save_policy
from robot.cli.evaluate import main as evaluate
from robot.practice.best_policy import BestPolicy, describe
from robot.robots.car.options import CarOptions
from robot.robots.car.practice import SHIPPED_POLICY
from robot.runtime.episodes import Outcome, make_episode
from robot.runtime.run_folder import policy_path, save_config
from robot.tasks import find_task
from robot.tasks.spec import Merit

SPEC = find_task("race_track")
LAYERS = SPEC.layers()


def drive(best: BestPolicy, *laps_s: float, clean: bool = True, baseline: bool = False) -> None:
    """Laps of these times, from practice's first second on; every weight of the policy that drives one is its time."""
    outcome = Outcome.SUCCESS if clean else Outcome.TAKEN_OVER
    for k, lap_s in enumerate(laps_s):
        lap = {"practice_s": sum(laps_s[: k + 1]), "merit": lap_s, "outcome": outcome, "baseline": baseline}
        best.add(make_episode(LAYERS, k, lap, np.full(weight_count(LAYERS), lap_s, np.float32)))


def kept(folder: Path) -> float:
    """The time of the lap that the kept policy drove."""
    return float(load_policy(folder / "best.npz").weights[0])


def test_five_clean_laps_make_a_best_policy_that_of_the_middle_one(tmp_path: Path) -> None:
    best = BestPolicy(tmp_path, LAYERS, SPEC)
    drive(best, 9.0, 8.0, 7.0, 6.0)
    assert not (tmp_path / "best.npz").exists()
    drive(best, 10.0)
    assert best.median == 8.0
    assert kept(tmp_path) == 7.0


def test_laps_with_another_between_them_are_not_in_a_row(tmp_path: Path) -> None:
    best = BestPolicy(tmp_path, LAYERS, SPEC)
    drive(best, 8.0, 8.0, 8.0)
    drive(best, 8.0, clean=False)
    drive(best, 7.0, 7.0)
    drive(best, 5.0, baseline=True)
    drive(best, 6.0, 6.0)
    assert best.median is None


def test_only_a_better_row_takes_its_place(tmp_path: Path) -> None:
    best = BestPolicy(tmp_path, LAYERS, SPEC)
    drive(best, *[8.0] * 5, *[9.0] * 5)
    assert kept(tmp_path) == 8.0
    drive(best, 7.5, 7.4, 7.3)
    assert best.median == 7.5
    assert kept(tmp_path) == 7.5


def test_where_more_is_better_the_greater_row_is(tmp_path: Path) -> None:
    best = BestPolicy(
        tmp_path, LAYERS, replace(SPEC, merit=Merit("way_m", "m", lower_is_better=False), episode="outing")
    )
    drive(best, *[8.0] * 5, *[7.0] * 5)
    assert best.median == 8.0
    drive(best, *[9.0] * 5)
    assert best.median == 9.0 and load_policy(tmp_path / "best.npz").metadata["median_way_m"] == 9.0


def test_a_resumed_run_must_beat_what_it_had(tmp_path: Path) -> None:
    drive(BestPolicy(tmp_path, LAYERS, SPEC), *[8.0] * 5)
    resumed = BestPolicy(tmp_path, LAYERS, SPEC)
    assert resumed.median == 8.0
    drive(resumed, *[8.5] * 5)
    assert kept(tmp_path) == 8.0
    drive(resumed, *[7.0] * 3)
    assert kept(tmp_path) == 7.0


def test_a_run_without_five_laps_in_a_row_has_its_newest_policy(tmp_path: Path) -> None:
    save_policy(tmp_path / "policy.npz", np.zeros(weight_count(LAYERS), np.float32), LAYERS, "race_track", 10.0)
    assert policy_path(tmp_path) == tmp_path / "policy.npz"
    assert describe(policy_path(tmp_path)).endswith("policy.npz, the newest")
    drive(BestPolicy(tmp_path, LAYERS, SPEC), *[8.0] * 5)
    assert policy_path(tmp_path) == tmp_path / "best.npz"
    assert "median 8.00 s, after 0.7 robot minutes" in describe(policy_path(tmp_path))


def test_evaluation_drives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That a session's learner keeps it is told in test_learner.py."""
    monkeypatch.chdir(tmp_path)
    run, shipped = tmp_path / "run", load_policy(SHIPPED_POLICY)
    run.mkdir()
    save_config(run, CarOptions(track="oval", clock="lockstep", seed=3))
    best = BestPolicy(run, shipped.layers, SPEC)
    for step in range(5):
        lap = {"practice_s": 8.0 * (step + 1), "merit": 8.0, "outcome": Outcome.SUCCESS, "baseline": False}
        best.add(make_episode(shipped.layers, step, lap, shipped.weights))
    assert evaluate([str(run), "--laps", "1", "--json"]) == 0
    told = capsys.readouterr()
    assert "best.npz, in force in the best 5" in told.err
    found = json.loads(told.out.splitlines()[-1])
    assert found["policy"].endswith("best.npz")
    assert found["laps"] == 1 and found["median_ratio"] < 1.2
