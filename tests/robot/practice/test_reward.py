"""A reward of one's own pays what is learned from, and one that is none is refused by name or ends the learning, not what was lived."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies.array_file import read_arrays
from policies.replay import load_folder, transition_dtype
from robot.practice import run
from robot.practice.reward import OwnReward, made_up, reward_of, try_reward
from robot.practice.settings import PracticeConfig
from robot.robots.quadrotor.practising.options import DronePracticeOptions
from robot.tasks import find_task
from tests.robot.practice import own_rewards
from tests.toy_robot.joining import join
from tests.toy_robot.practised import ROBOT

HERE = own_rewards.__name__


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        join(tmp_path_factory.mktemp("site"), patch)
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield Path.cwd()


def lived(count: int) -> np.ndarray:
    transitions = np.zeros(count, transition_dtype(2, 1))
    transitions["next_observation"][:, 1] = np.arange(count)
    transitions["reward"] = 7.0
    return transitions


def test_it_pays_in_the_place_of_the_task_and_leaves_all_else() -> None:
    before = lived(3)
    paid = OwnReward(f"{HERE}:for_speed:2.5")(before)
    assert paid["reward"].tolist() == [0.0, 2.5, 5.0] and (before["reward"] == 7.0).all()
    paid["reward"] = 7.0
    assert paid.tobytes() == before.tobytes()
    assert OwnReward(f"{HERE}:for_speed")(lived(0)).shape == (0,)


def test_without_one_the_task_pays() -> None:
    before = lived(3)
    assert reward_of(PracticeConfig(task="toy"))(before) is before


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("speed", "--reward: found 'speed', allowed: PACKAGE:FUNCTION"),
        ("a b:c", "found 'a b:c', allowed: PACKAGE:FUNCTION"),
        (
            "nobody_wrote:this",
            r"whose module cannot be imported \(ModuleNotFoundError: No module named 'nobody_wrote'\)",
        ),
        (f"{HERE}:nothing", f"{HERE} has no function nothing"),
        (f"{HERE}:no_function", "has no function no_function"),
        ("tests.robot.practice.ending_reward:pay", r"whose module cannot be imported \(SystemExit: 0\)"),
    ],
)
def test_what_is_no_function_is_refused(named: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        OwnReward(named)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            "scalar",
            r"answered an array of shape \(\) for 3 transitions, allowed: \(3,\) numbers from -1e\+06 to 1e\+06",
        ),
        ("nan", "answered nan for 3 transitions"),
        ("huge", r"answered 1e\+30"),
        ("lowest", "answered -inf"),
        ("ending", "raised SystemExit: 0"),
        ("words", "answered <U4"),
        ("raising", "raised KeyError: 'nobody.*knows'"),
        ("writing", "raised ValueError: assignment destination is read-only"),
    ],
)
def test_what_is_no_reward_is_refused_before_anything_starts(function: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"--reward: '{HERE}:{function}' {said}") as refused:
        try_reward(PracticeConfig(task="hover", reward=f"{HERE}:{function}"))
    assert "\n" not in str(refused.value)


def test_it_is_tried_on_what_the_task_sees_and_does() -> None:
    spec = find_task("peg_insert")
    tried = made_up(spec)
    assert tried["observation"].shape[1:] == (spec.observation_size,) and tried["action"].shape[1:] == (
        spec.action_size,
    )
    assert (tried["observation"] != 0.0).all() and (np.abs(tried["action"]) <= 1.0).all()


def test_a_policy_that_is_improved_in_a_simulator_takes_none(tmp_path: Path) -> None:
    options = DronePracticeOptions(task="hover", reward=f"{HERE}:for_speed")
    with pytest.raises(ValueError, match=f"--reward: found '{HERE}:for_speed' with --task hover, allowed: nothing"):
        run.practise(options, tmp_path)


def test_a_module_beside_where_robot_is_called_is_found(joined: Path) -> None:
    (joined / "mine.py").write_text("def pay(transitions, told):\n    return transitions['reward'] + 1.0\n")
    assert (OwnReward("mine:pay")(lived(2))["reward"] == 8.0).all()


def test_a_run_learns_from_it_and_keeps_what_the_task_pays(joined: Path) -> None:
    """By another function that pays the same, the same is learned to the last bit; by one that pays otherwise, it is not."""
    task, same, speed = (
        figures(practise(f"--clock lockstep --minutes 0.3 --seed 4 --json {reward}"))
        for reward in ("", f"--reward {HERE}:near", f"--reward {HERE}:for_speed")
    )
    learned = [read_arrays(Path(each["run"]) / "policy.npz")["weights"] for each in (task, same, speed)]
    assert learned[0].tobytes() == learned[1].tobytes() and learned[0].tobytes() != learned[2].tobytes()
    stored = load_folder(Path(speed["run"]) / "replay")
    assert len(stored) == speed["steps"] and (stored["reward"] <= 0.0).all()
    again = figures(practise(f"--resume {speed['run']} --minutes 0.4 --clock lockstep --json"))
    assert again["steps"] > speed["steps"]
    assert f'reward = "{HERE}:for_speed"' in (Path(speed["run"]) / "config.toml").read_text()


def practise(options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ROBOT, "practice", "--task", "toy", "--robot", "toy", *options.split()],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_wrong_one_is_one_line_and_leaves_no_run(joined: Path) -> None:
    before = list(joined.glob("runs/toy/*"))
    done = practise(f"--reward {HERE}:nan")
    assert done.returncode == 2 and "Traceback" not in done.stderr and f"'{HERE}:nan' answered nan" in done.stderr
    assert list(joined.glob("runs/toy/*")) == before


def test_one_that_fails_later_ends_the_session_and_all_that_was_lived_stays(joined: Path) -> None:
    done = practise(f"--reward {HERE}:short_of_memory --clock lockstep --minutes 1 --json")
    told = figures(done)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"'{HERE}:short_of_memory' raised MemoryError" in told["failure"]
    stored = load_folder(Path(told["run"]) / "replay")
    assert len(stored) == told["steps"] >= 100 and (stored["step"] == range(len(stored))).all()
