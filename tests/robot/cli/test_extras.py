"""A robot's own computer needs no torch: it drives, practises and replays without, and the verbs that need it say so."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from policies.actor import actor_layers, weight_count
from policies.policy_file import save_policy
from robot.tasks.race_track import task as race_track

WITHOUT = "import sys; sys.modules.update(dict.fromkeys({packages!r})); "
ON_THE_ROBOT = (
    "robot.robots.car.robot", "robot.robots.car.mind", "robot.runtime.control_loop", "robot.runtime.control_process", "robot.logs.recorder_process", "robot.practice.learner",
    "robot.practice.session", "robot.practice.run", "robot.safety.guardian", "robot.logs.replay", "robot.logs.setups",
    "robot.cli.practice", "robot.cli.demo", "robot.cli.replay", "robot.cli.evaluate", "robot.cli.plot", "robot.cli.train",
)  # fmt: skip


def without(packages: tuple[str, ...], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program where importing the packages fails, as if they were not installed."""
    command = [sys.executable, "-c", WITHOUT.format(packages=packages) + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_whatever_runs_on_the_robot_loads_without_torch() -> None:
    done = without(
        ("torch",), "import importlib; [importlib.import_module(name) for name in sys.argv[1:]]", *ON_THE_ROBOT
    )
    assert done.returncode == 0, done.stderr


def test_robots_are_listed_and_flights_replayed_without_cflib() -> None:
    done = without(("cflib",), "import robot.robots.quadrotor.mind; from robot.cli import main; main()", "tasks")
    assert done.returncode == 0 and "on a quadrotor with crazyflie" in done.stdout, done.stderr


def test_control_reads_of_cameras_and_what_they_saw_without_opencv() -> None:
    program = (
        "import robot.perception.result; from drivers.declared import settings_of; "
        "settings_of({'driver': 'camera', 'source': '/dev/video0'}); settings_of({'driver': 'realsense'})"
    )
    done = without(("cv2", "pyrealsense2", "onnxruntime"), program)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("package", "extra", "arguments"), [
    ("torch", "torch", ("bench", "learner")), ("torch", "torch", ("bench",)),
    ("torch", "torch", ("export", "POLICY", "--to", "onnx")), ("torch", "torch", ("export", "POLICY", "--verify")),
    ("cflib", "crazyflie", ("run", "POLICY", "--robot", "virtual-crazyflie")),
    ("cv2", "cameras", ("bench", "perception")), ("cv2", "cameras", ("replay", "POLICY", "--perception")),
    ("cv2", "cameras", ("setup", "camera", "--source", "/dev/video0")),
])  # fmt: skip
def test_a_verb_that_needs_more_says_what_to_install(
    tmp_path: Path, package: str, extra: str, arguments: tuple[str, ...]
) -> None:
    policy = tmp_path / "policy.npz"
    layers = actor_layers(race_track.OBSERVATION_SIZE, race_track.ACTION_SIZE)
    save_policy(policy, np.zeros(weight_count(layers), np.float32), layers, "race_track", 10.0)
    words = [str(policy) if word == "POLICY" else word for word in arguments]
    done = without((package,), "from robot.cli import main; main()", *words)
    assert done.returncode == 2
    assert done.stderr == (
        f"robot {arguments[0]}: needs {package}, which is not installed; "
        f"allowed: after pip install 'robot-practice[{extra}]'\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["policy.npz"]
