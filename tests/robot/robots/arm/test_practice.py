"""An arm practises from the command line, through its servos' bus, and its log replays."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.emulators.arm_worlds import PegWorld
from drivers.emulators.virtual_arm import VirtualArm
from policies.replay import load_folder
from robot.logs.replay import replay
from robot.logs.setups import mind_for
from robot.practice.practice import find_practice
from robot.practice.settings import SCRATCH, SHIPPED
from robot.practice.start import new_learner, starting_policy
from robot.robots.arm import judging
from robot.robots.arm.options import ArmOptions
from robot.tasks import find_task
from robot.tasks.peg_insert import STEP_COST
from sim.arm.block import BlockScene
from sim.arm.parameters import so101
from sim.arm.substep import rows_of

ROBOT = "from robot.cli import main; main()"
OPTIONS = "--task peg_insert --robot virtual-arm --clock lockstep --minutes 0.3 --from scratch --demonstrations 1 --seed 3 --json"


@pytest.fixture(scope="module")
def practised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    work = tmp_path_factory.mktemp("work")
    root = str(Path(__file__).parents[4])
    done = subprocess.run([sys.executable, "-c", ROBOT, "practice", *OPTIONS.split()], capture_output=True, text=True,
                          timeout=300, cwd=work, env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin"})  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told | {"run": str(work / told["run"])}


def test_it_practises_and_ends_at_rest(practised: dict[str, Any]) -> None:
    told = practised
    assert not told["failure"] and told["restarts"] == told["missed_ticks"] == told["help_asked"] == 0
    assert told["robot_minutes"] == pytest.approx(0.3, abs=0.01)
    assert told["demonstrations"] == 1 and told["demonstrations_tried"] >= 1 and told["demonstration_minutes"] > 0.0
    assert told["truly_done"] >= 1 and told["tip_worst_m_s"] < 0.6
    assert {"success_last_100", "success_at_minutes", "position_error_m"} <= told.keys()


def test_what_was_shown_is_marked_and_ended_well(practised: dict[str, Any]) -> None:
    transitions = load_folder(Path(practised["run"]) / "replay")
    shown = transitions["demonstration"] != 0
    assert shown.any() and not shown.all() and transitions["terminated"][shown].sum() == 1
    assert list(transitions["step"]) == list(range(len(transitions)))


def test_all_that_it_decided_is_decided_again(practised: dict[str, Any]) -> None:
    folder = Path(practised["run"])
    report = replay(folder, lambda life: mind_for(folder, life))
    assert report.equal and report.complete


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"demonstrations": -1}, "--demonstrations: found -1, allowed: 0 to 1000"),
        ({"hidden_seed": -1}, "--hidden-seed: found -1, allowed: 0 or more"),
        ({"task": "reach", "resets": "learned"}, "--resets: found 'learned' with --task reach"),
        ({"minutes": 0.0}, "--minutes: found 0.0"),
    ],
)
def test_what_cannot_be_asked_for(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ArmOptions(**options)


def tenfold(transitions: np.ndarray) -> np.ndarray:
    """A reward of one's own."""
    paid = transitions.copy()
    paid["reward"] *= 10.0
    return paid


def test_practice_begins_from_the_policy_that_the_project_brings_where_it_brings_one() -> None:
    assert ArmOptions().start_from == ArmOptions(task="reach").start_from == SHIPPED
    assert ArmOptions(task="lift").start_from == SCRATCH
    assert ArmOptions(task="lift").shown == 60 and ArmOptions(task="lift", demonstrations=0).shown == 0
    practice = find_practice("arm")
    for task, judged in judging.JUDGED.items():
        options = ArmOptions(task=task)
        policy = starting_policy(options)
        act = judging.policy(policy.weights, policy.layers)
        assert all(judged(act, 64, 5, hidden).success > 0.9 for hidden in (False, True)), task
    options = ArmOptions()
    policy = starting_policy(options)
    learner = new_learner(options, find_task("peg_insert"), practice, policy, tenfold)
    assert np.unique(learner.prior.reward[: learner.prior.size]).tolist() == pytest.approx(
        [-10.0 * STEP_COST, 10.0 - 10.0 * STEP_COST]
    )
    assert (
        learner.prior.size > 1000
        and learner.config.updates_per_step == find_task("peg_insert").improver["updates_per_step"]
    )


def test_a_hidden_arm_is_a_virtual_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = (Path(__file__).parents[4] / "robot/robots/arm/virtual-arm.toml").read_text()
    file.write_text(text.replace("virtual = true", "virtual = false").replace('"virtual"', '"/dev/ttyACM0"'))
    practice = find_practice("arm")
    with pytest.raises(ValueError, match="--hidden-seed: found 3, allowed: with a virtual arm"):
        practice.begin(ArmOptions(robot=str(file), hidden_seed=3))
    real = practice.begin(ArmOptions(robot=str(file)))
    assert not real.body.virtual and real.body.ports == {"follower": "/dev/ttyACM0", "board": "/dev/ttyACM0"}


def test_a_hidden_arm_beside_a_block_is_drawn_without_a_hole() -> None:
    begun = find_practice("arm").begin(ArmOptions(task="lift", hidden_seed=3))
    *_, rows, offset_m, works_on, _ = begun.body.emulate.args
    assert works_on == "block" and any(offset_m)
    assert rows and set(rows) <= set(rows_of(so101(), BlockScene()))


def test_the_camera_of_a_hidden_arm_is_always_as_wrong_as_its_file_lets_it_be(tmp_path: Path) -> None:
    file, practice = tmp_path / "mine.toml", find_practice("arm")
    text = (Path(__file__).parents[4] / "robot/robots/arm/virtual-arm.toml").read_text()
    file.write_text(text.replace("virtual = true", "virtual = true\ncamera_offset_m = 0.005\ncamera_turn_rad = 0.0873"))
    with pytest.raises(ValueError, match="camera_offset_m, camera_turn_rad: found them without --hidden-seed"):
        practice.begin(ArmOptions(robot=str(file)))
    begun = [practice.begin(ArmOptions(robot=str(file), hidden_seed=seed)).body.emulate for seed in range(40)]
    offsets, turns = np.array([each.args[4] for each in begun]), np.array([each.keywords["turn_rad"] for each in begun])
    assert 0.004 < np.abs(offsets).max() <= 0.005 and 0.07 < np.abs(turns).max() <= 0.0873
    _, *told = begun[0].args
    world = VirtualArm(tmp_path, *told, turn_rad=turns[0]).world
    assert isinstance(world, PegWorld) and (world.turn_rad == turns[0]).all()
    usual = practice.begin(ArmOptions(hidden_seed=0)).body.emulate
    assert usual.args[4] == pytest.approx(0.6 * offsets[0]) and not any(usual.keywords["turn_rad"])


def test_a_virtual_camera_is_as_wrong_as_its_file_says(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = (Path(__file__).parents[4] / "robot/robots/arm/virtual-arm.toml").read_text()
    file.write_text(text.replace("virtual = true", "virtual = true\ncamera_m = 0.003"))
    begun = find_practice("arm").begin(ArmOptions(robot=str(file)))
    *told, camera_m = begun.body.emulate.args
    model = VirtualArm(tmp_path, *told[1:], camera_m)
    off_m = []
    for _ in range(300):
        model.world.move(model.shafts.batch)
        off_m.append(model.world.goal.frame[:, :2].T @ (model.world.seen().place_m - model.world.goal.place_m))
    assert camera_m == 0.003 and np.std(off_m) == pytest.approx(0.88 * 0.003, rel=0.1)  # cut off at two deviations
