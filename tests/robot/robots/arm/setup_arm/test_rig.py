"""An arm that its set-up moves is laid down and let go, whatever happens: also where somebody is impatient."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.declared import make_driver
from drivers.emulators.virtual_arm import VirtualArm
from robot.commissioning.steps import SetupError
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.setup_arm import touching
from robot.robots.arm.setup_arm.rig import STALLED_S, TICK_S, Rig
from robot.robots.arm.shield import Strain
from tests.robot.robots.arm.setup_bench import InProcess


class Arm:
    """A virtual one in this process, and its rig."""

    def __init__(self, folder: Path) -> None:
        told = load_arm("virtual-arm")
        self.model = VirtualArm(folder, [*told.rest_rad, told.hold_rad], 0, {}, [0.0, 0.0, 0.0])
        self.here, self.rest_rad = InProcess(self.model, folder), np.array(told.rest_rad)
        follower = replace(told.follower, port=self.here.ports["follower"])
        board = replace(told.board, port=self.here.ports["board"])
        arm = replace(told, follower=follower, board=board)
        self.rig = Rig(
            arm, make_driver(follower, self.here), make_driver(board, self.here), self.here, lambda way: None
        )

    @property
    def lies(self) -> bool:
        """Let go, where it rests."""
        joints = np.array([self.model.shafts.angle_rad(joint) for joint in range(5)])
        loose = all(self.model.shafts.duty(joint) == 0.0 for joint in range(6))
        return loose and bool((np.abs(joints - self.rest_rad) < 0.2).all())


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[Arm]:
    made = Arm(tmp_path)
    yield made
    made.here.close()


def test_ctrl_c_while_it_is_laid_down_does_so_once_it_lies(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = arm.rig.lead

    def interrupted(joint_rad: np.ndarray) -> None:
        signal.raise_signal(signal.SIGINT)
        lead(joint_rad)

    with pytest.raises(KeyboardInterrupt), arm.rig:
        assert not arm.lies
        monkeypatch.setattr(arm.rig, "lead", interrupted)
    assert arm.lies


def test_one_that_pressed_in_vain_is_laid_down_too(arm: Arm) -> None:
    class Pressed(Strain):
        def see(self, load: np.ndarray, passed_s: float) -> None:
            super().see(load, passed_s)
            self.eased = np.full(load.shape, arm.here.now() < relieved_s)

    with pytest.raises(SetupError, match="presses hard against something"), arm.rig as rig:
        relieved_s = arm.here.now() + STALLED_S + 10 * TICK_S
        rig.posture.strain = Pressed(6)
        rig.settle(2.0 * STALLED_S)
    assert arm.lies


def test_one_that_cannot_be_laid_down_is_said_to_be_held(arm: Arm) -> None:
    with pytest.raises(SetupError, match="does not lie: its servos hold it"), arm.rig:
        arm.model.lines["follower"].unplug()


def test_a_board_lower_than_the_hand_may_go_is_told(arm: Arm) -> None:
    with pytest.raises(SetupError, match=r"does not come down .* above box_low_m"), arm.rig as rig:
        rig.posture.box_low[2] = rig.posture.pose[2] - 0.005
        touching._touch(rig, touching.Board(rig, np.zeros(3)))


def test_a_peg_that_presses_and_stays_high_is_not_led_around_for_ever(
    arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touching, "_pressed_m", lambda rig: touching.PRESSED_M)
    with arm.rig as rig:
        assert touching._search(rig, touching.Board(rig, np.zeros(3))) is None
