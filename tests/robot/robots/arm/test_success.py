"""A classifier of success from servo readings: fitted, calibrated and judged by other episodes, and what it rewards teaches it nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from policies.replay import transition_dtype
from robot.cli.train import main
from robot.practice.settings import SHIPPED
from robot.robots.arm.options import ArmOptions
from robot.robots.arm.practice import PractisingArm
from robot.robots.arm.success import COUNT, PLACES, read_classifier, succeeded, write_classifier
from robot.robots.arm.success import SHIPPED as SHIPPED_CLASSIFIER
from robot.robots.arm.trainer import ArmTrainConfig
from robot.robots.arm.training.labelled import Labelled, of_run, simulated
from robot.robots.arm.training.success_fit import fit, judge
from robot.robots.arm.training.success_training import SIMULATED, train_success
from robot.runtime.episodes import Outcome
from robot.runtime.run_folder import save_config
from robot.tasks.peg_insert import HEIGHT, IN, LOADS, OUT, SCALES, SIZE, SPEC, STEP_COST, WANTED, inserted
from tests.robot.robots.arm.arm_bench import bench, mind_of, setup


def moments(count, seed, separable=True):
    """Episodes of ten moments, in whose last ones a peg is in: it is low, and its servos work."""
    rng = np.random.default_rng(seed)
    within = np.tile(np.arange(10) >= 8, count)
    seen = rng.normal(0.0, 0.2, (10 * count, SIZE)).astype(np.float32)
    if separable:
        seen[within, HEIGHT] -= 1.0
        seen[within, LOADS] += 0.8
    return Labelled(seen, within, np.repeat(np.arange(count), 10))


def test_what_can_be_told_apart_is_and_its_threshold_is_one_that_other_episodes_keep_to():
    weights, judged = fit(moments(400, 0), 0)
    assert judged.found > 0.98 and judged.false_episodes < 0.03 and judged.episodes == 100
    fresh = judge(weights, moments(400, 1))
    assert fresh.found > 0.97 and fresh.false_episodes < 0.03


def test_what_cannot_be_told_apart_is_not_rewarded():
    _, judged = fit(moments(400, 0, separable=False), 0)
    assert judged.false_episodes < 0.05 and judged.found < 0.1


def test_who_judges_was_not_fitted_to_nor_calibrated_with(monkeypatch):
    told, parts = moments(40, 0), []
    monkeypatch.setattr(Labelled, "of", lambda self, some: parts.append(set(some.tolist())) or
                        Labelled(*(each[np.isin(self.episode, some)] for each in (self.seen, self.within, self.episode))))  # fmt: skip
    fit(told, 0)
    assert [len(part) for part in parts] == [20, 10, 10] and len(set.union(*parts)) == 40


def test_simulated_moments_are_labelled_by_the_truth_and_not_by_what_the_task_sees():
    told = simulated(3, arms=16, decisions=60)
    says = np.array([inserted(each) for each in told.seen])
    assert told.within.any() and not told.within.all()
    assert (told.within & ~says).any(), "a peg that has come in is labelled so before the task sees it deep enough"
    again = simulated(3, arms=16, decisions=60)
    assert (told.seen == again.seen).all() and (told.within == again.within).all()


def test_the_one_that_ships_finds_pegs_of_arms_that_nobody_has_met_and_hardly_ever_finds_one_that_is_not():
    judged = judge(read_classifier(SHIPPED_CLASSIFIER), simulated(77, arms=16, decisions=120))
    assert judged.found > 0.7 and judged.false_positive_rate < 0.004


def run_folder(folder, **options):
    save_config(folder, ArmOptions(**options))
    return folder


def lived(shown, failed):
    told = np.zeros(10 * (shown + failed), transition_dtype(SIZE, SPEC.action_size))
    told["episode"], told["observation"][:, WANTED] = np.repeat(np.arange(shown + failed), 10), IN
    told["demonstration"] = told["episode"] < shown
    ends = np.arange(len(told)) % 10 == 9
    told["terminated"], told["truncated"] = ends & told["demonstration"], ends & ~told["demonstration"].astype(bool)
    return told


def test_of_a_run_demonstrations_and_failures_are_labelled(tmp_path):
    told = of_run(run_folder(tmp_path), lambda folder: lived(12, 5))
    assert told.within.sum() == 12 and len(told.within) == 170 and len(np.unique(told.episode)) == 17
    with pytest.raises(ValueError, match=r"found .* with 3 demonstrated successes and 77 other moments"):
        of_run(tmp_path, lambda folder: lived(3, 5))


def test_a_peg_that_was_drawn_out_is_no_success(tmp_path):
    told, back = lived(12, 5), lived(12, 5)
    back["observation"][:, WANTED], back["episode"] = OUT, back["episode"] + 17
    found = of_run(run_folder(tmp_path, resets="learned"), lambda folder: np.concatenate([told, back]))
    assert found.within.sum() == 12 and set(found.episode) == set(range(17))


def test_a_run_that_cannot_be_learned_from_is_refused(tmp_path):
    run_folder(tmp_path)
    with pytest.raises(ValueError, match=r"found .* with 0 demonstrated successes and 0 other moments"):
        of_run(tmp_path, lambda folder: lived(0, 0))
    with pytest.raises(ValueError, match=rf"whose observations have 3 numbers, allowed: {SIZE}"):
        of_run(tmp_path, lambda folder: np.zeros(200, transition_dtype(3, 5)))


def test_nothing_is_fitted_to_what_a_classifier_has_rewarded(tmp_path):
    folder = run_folder(tmp_path, success="classifier")
    with pytest.raises(
        ValueError, match="--success classifier, allowed: a run of --task peg_insert --success scripted"
    ):
        of_run(folder, lambda folder: lived(12, 5))


def test_where_it_judges_its_word_ends_an_episode_and_is_rewarded(tmp_path):
    low = np.zeros(COUNT)
    low[0], low[1 + int(np.flatnonzero(PLACES == HEIGHT)[0])] = -0.1, -1.0 / SCALES[HEIGHT]
    mind = mind_of(setup(success=tuple(low.tolist())))
    seen = np.zeros(SIZE, np.float32)
    assert mind.judge(seen) == (pytest.approx(-STEP_COST), Outcome.RUNNING)
    seen[HEIGHT] = -0.2 * SCALES[HEIGHT] * SCALES[HEIGHT]
    assert succeeded(low, seen) and mind.judge(seen) == (pytest.approx(1.0 - STEP_COST), Outcome.SUCCESS)
    never = np.zeros(COUNT)
    never[0] = -1.0
    with bench(tmp_path, setup(demonstrations=1, success=tuple(never.tolist()))) as arm:
        arm.run(14.0)
        assert arm.truth.peg_z_m < -0.008 and not arm.told("demonstration")


def test_options_and_files_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--success: found 'classifier' with --task reach, allowed: scripted"):
        ArmOptions(task="reach", success="classifier")
    with pytest.raises(ValueError, match="--success-from: found with --task reach, allowed: with peg_insert"):
        ArmTrainConfig(task="reach", success_from="simulated")
    write_classifier(tmp_path / "short.npz", np.zeros(3))
    with pytest.raises(ValueError, match=r"short\.npz: weights: found float64 of shape \(3,\), allowed"):
        PractisingArm(ArmOptions(success=str(tmp_path / "short.npz")))
    for wrong in (np.full(COUNT, "0.1"), np.full(COUNT, np.nan)):
        write_classifier(tmp_path / "wrong.npz", wrong)
        with pytest.raises(ValueError, match=r"wrong\.npz: weights: found .*, allowed: 59 finite numbers"):
            read_classifier(tmp_path / "wrong.npz")
    assert len(PractisingArm(replace(ArmOptions(), success="classifier", start_from=SHIPPED)).success) == COUNT


def test_the_command_tells_what_it_is_worth_and_keeps_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("robot.robots.arm.training.success_training.simulated", lambda seed: moments(400, seed))
    assert main(["--task", "peg_insert", "--success-from", "simulated", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"false_positive_rate", "false_episodes", "found"} <= figures.keys()
    assert read_classifier(tmp_path / figures["file"]).shape == (COUNT,)


def test_where_nothing_can_be_kept_nothing_is_fitted(tmp_path, monkeypatch):
    (tmp_path / "runs").write_text("")
    monkeypatch.setattr(
        "robot.robots.arm.training.success_training.simulated", lambda seed: pytest.fail("it has begun to work")
    )
    with pytest.raises(OSError, match="runs"):
        train_success(SIMULATED, 0, tmp_path / "runs")
