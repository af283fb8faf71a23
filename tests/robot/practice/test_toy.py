"""A robot that the project does not know practises, is killed, goes on, and replays: all through entry points."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policies.policy_file import load_policy
from policies.replay import load_folder
from robot.cli import evaluate
from robot.cli.practice import main, task_of
from robot.logs.reader import LogReader
from robot.logs.replay import replay
from robot.logs.setups import mind_for
from robot.practice.episodic_mind import EpisodicSetup
from robot.practice.practice import Start
from robot.practice.progress import Progress
from robot.runtime.events import belief_in
from tests.toy_robot.joining import join
from tests.toy_robot.practised import ROBOT, figures_of
from tests.toy_robot.robot import ToyMind
from tests.toy_robot.task import LONGEST_S

LEARNS_MIN, GOES_ON_MIN = 2.0, 2.2


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        join(tmp_path_factory.mktemp("site"), patch)
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield Path.cwd()


@pytest.fixture(scope="module")
def practised(joined: Path) -> dict[str, Any]:
    return figures_of(f"--task toy --robot toy --clock lockstep --minutes {LEARNS_MIN}")


def test_it_learns(practised: dict[str, Any]) -> None:
    told = practised
    assert told["merit_name"] == "arrival_s" and told["merit_first"] > 5.0  # it did not arrive
    assert told["merit_last"] < 0.75 * told["merit_first"] and told["failures"] < told["episodes"]
    assert told["resets"] >= told["episodes"] and told["help_asked"] == 0
    assert told["robot_minutes"] == pytest.approx(LEARNS_MIN, abs=0.01) and not told["failure"]
    assert told["updates"] == 4 * told["steps"]


def test_what_it_practised_is_judged(practised: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.main([practised["run"], "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["policy_arrival_s"] < LONGEST_S


def test_policy_and_policy_undo_each_other_and_a_script_helps_where_one_fails(practised: dict[str, Any]) -> None:
    events = LogReader(Path(practised["run"])).contents(("tick",)).events
    back = [(event["skill"], event["succeeded"]) for event in events if event["kind"] == "reset"]
    assert ("out", False) in back[:5], "nothing is learned yet"
    assert all(then == ("script", True) for this, then in itertools.pairwise(back) if this == ("out", False))
    late = back[len(back) // 2 :]
    assert late.count(("out", True)) > late.count(("out", False)), "the policy has learned its way back, too"


def test_all_that_it_decided_is_decided_again(practised: dict[str, Any]) -> None:
    folder = Path(practised["run"])
    report = replay(folder, lambda life: mind_for(folder, life))
    assert report.equal and report.ticks > 60.0 * LEARNS_MIN / 0.05


def test_killed_it_goes_on_where_it_was(practised: dict[str, Any]) -> None:
    """The session is killed in real time; its processes end by themselves, and nothing of the run is lost."""
    folder = Path(practised["run"])
    session = subprocess.Popen([sys.executable, "-c", ROBOT, "practice", "--resume", str(folder), "--minutes", "9"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    patience = time.monotonic() + 120.0
    while len(load_folder(folder / "replay")) < practised["steps"] + 20:
        assert time.monotonic() < patience and session.poll() is None
        time.sleep(0.2)
    os.kill(session.pid, signal.SIGKILL)
    session.wait()
    stored = len(load_folder(folder / "replay"))
    told = figures_of(f"--resume {folder} --minutes {GOES_ON_MIN} --clock lockstep")
    assert told["steps"] > stored >= practised["steps"] + 20
    steps = load_folder(folder / "replay")["step"]
    assert (steps == range(told["steps"])).all()
    report = replay(folder, lambda life: mind_for(folder, life))
    assert report.first_difference is None and report.ticks > 60.0 * LEARNS_MIN / 0.05


def test_what_its_fit_finds_reaches_its_mind_by_name_and_replays(practised: dict[str, Any]) -> None:
    told = figures_of(f"--task toy --robot toy --clock lockstep --minutes 0.25 --mass-kg 1.6 --from {practised['run']}")
    folder = Path(told["run"])
    assert told["belief"]["mass_kg"] == pytest.approx(1.6, rel=0.05)
    believed = [belief_in(weights) for batch in LogReader(folder).batches() for weights in batch.weights]
    assert believed[0] == {} and believed[-1] == told["belief"]
    report = replay(folder)
    assert report.equal and report.ticks > 60.0 * 0.25 / 0.05
    deaf = mind_for(folder, 1)
    deaf.set_weights = lambda weights, belief: deaf.actor.set_weights(weights)  # type: ignore[attr-defined, method-assign]
    assert replay(folder, lambda life: deaf).first_difference is not None, "what it believes decides"
    policy = load_policy(folder / "policy.npz")
    later = Start(folder, Progress(), policy, None, life=2, later_life=True, learning=True, practice_s=9.0, episodes=0)
    assert ToyMind.from_setup(EpisodicSetup.of(later, "toy", 0), folder).belief == told["belief"], "and of later lives"


def test_the_task_of_a_run_is_known_by_the_run(practised: dict[str, Any]) -> None:
    assert task_of(["--resume", practised["run"]]) == "toy" and task_of(["--task=toy"]) == task_of(["--task", "toy"])
    assert task_of(["--minutes", "3"]) == "race_track"


@pytest.mark.parametrize(
    "robot, task", [("virtual-camera-arm", "peg_insert"), ("virtual-crazyflie", "hover"), ("f1tenth", "race_track")]
)
def test_a_robot_without_a_task_practises_its_first_one(robot: str, task: str) -> None:
    assert task_of([f"--robot={robot}"]) == task
    assert task_of(["--robot", robot, "--task", "reach"]) == "reach"


def test_its_options_are_its_own(joined: Path) -> None:
    with pytest.raises(ValueError, match="--from: found 'shipped', allowed: scratch, a run's folder"):
        main(["--task", "toy", "--from", "shipped"])
    with pytest.raises(SystemExit):
        main(["--task", "toy", "--track", "oval"])
