"""One verb judges every policy: by the judge of its task's robot, in the simulator or on devices."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from policies.actor import actor_layers, initial_weights
from policies.policy_file import save_policy
from robot.cli import evaluate as verb
from robot.evaluation import judge as module
from robot.evaluation.judge import EvaluateConfig, Judge, Scores, Verdict, find_judge
from robot.runtime import joining


def simulator(config: EvaluateConfig, policy: Path, progress) -> Verdict:
    progress(0.5)
    scores = Scores("flights", ("policy", "PID"), [("calm", ("1.0", "2.0"))])
    return Verdict({"seed": config.seed, "policy": policy.name}, [scores], passed=config.seed == 1, lines=["a line"])


def devices(config: EvaluateConfig, policy: Path) -> Verdict:
    return Verdict({"policy": policy.name}, [], passed=True, interrupted=config.seed == 2)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(verb, "find_judge", {"quadrotor": Judge(simulator, EvaluateConfig, devices)}.__getitem__)
    layers = actor_layers(18 + 4, 4)
    save_policy(tmp_path / "policy.npz", initial_weights(layers, np.random.default_rng(0)), layers, "hover", 100.0)
    return tmp_path


def test_without_a_robot_it_is_judged_in_the_simulator(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main([str(run), "--seed", "1", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {"judged_on": "simulator", "seed": 1, "policy": "policy.npz"}
    assert all(word in told.err for word in ("flights", "calm", "PID", "2.0", "a line"))
    assert verb.main([str(run)]) == 1, "a policy that cannot do its task"


def test_with_a_robot_it_is_judged_on_its_devices(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main(["--robot", "virtual-crazyflie", str(run / "policy.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"judged_on": "virtual-crazyflie", "policy": "policy.npz"}
    assert verb.main([str(run), "--robot=virtual-crazyflie", "--seed=2"]) == 130


def test_what_is_judged_in_the_simulator_alone_takes_no_robot(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "find_judge", lambda kind: Judge(simulator))
    with pytest.raises(ValueError, match="--robot: found virtual-crazyflie, allowed: none"):
        verb.main([str(run), "--robot", "virtual-crazyflie"])


def test_a_policy_for_an_unknown_task_is_named(run: Path) -> None:
    layers = actor_layers(3, 1)
    save_policy(run / "other.npz", initial_weights(layers, np.random.default_rng(0)), layers, "juggle", 10.0)
    with pytest.raises(ValueError, match=r"other\.npz: task: found 'juggle', allowed: race_track, hover"):
        verb.main([str(run / "other.npz")])


def test_help_teaches_both_robots_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "--laps" in text and "--lap-s" in text and text.count("--robot") >= 2


def test_a_judge_joins_through_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Judge(simulator, EvaluateConfig, devices)
    point = EntryPoint("counter", "nothing:JUDGE", module.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: found)
    monkeypatch.setattr(joining, "entry_points", lambda group: [point] if group == module.ENTRY_POINTS else [])
    assert find_judge("counter") is found
