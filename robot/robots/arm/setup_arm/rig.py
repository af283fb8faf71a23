"""An arm of which hands have told enough to move it: slowly, by its servos, and laid down whatever happens.

A raised arm without torque falls: it goes up to where nothing is in its way, folds, and is let go where it lies on itself. Where this
process dies, `lie_down_if_killed` does that; who falls silent on the bus holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from drivers.base import LinkLost
from drivers.board_stage import BoardReading, BoardStage
from drivers.servo_bus import ServoBus, ServoReading
from robot.commissioning.steps import SetupError
from robot.commissioning.undisturbed import undisturbed
from robot.robots.arm.arm_file import ArmFile
from robot.robots.arm.hand_told import hand_told
from robot.robots.arm.posture import Posture
from robot.robots.arm.setup import ArmSetup, told_by
from robot.robots.arm.way_home import way_home
from robot.runtime.clock import Clock

Tell = Callable[[float, str], None]
TICK_S = 0.02
OPEN_S = 10.0  # until all servos and the board have told of themselves
BLIND_S = 0.3
LONGEST_S = 12.0  # of one way that joints are led
RAISED_M = 0.03  # over where it is, before joints are led
RAISING_S = 3.0
UP_M_S = 0.05
STALLED_S = 1.0  # a servo that has to be eased for longer is stuck


@dataclass(frozen=True)
class Row:
    """One tick: goals told (6,) before it, and what servos told after it."""

    goal_rad: np.ndarray
    told: ServoReading


class Rig:
    """The arm's devices, opened, the arm raised to `ready`. Use as a context: it leaves with the arm lying and let go.

    says: the way home (see `way_home.py`), whenever it changes, to who brings it home if this process dies.
    """

    def __init__(
        self, arm: ArmFile, bus: ServoBus, stage: BoardStage, clock: Clock, says: Callable[[np.ndarray], None]
    ) -> None:
        setup = ArmSetup(
            seed=[], explore=False, practice_s=0.0, episodes=0, practice_done_s=0.0, step=0, episode=0,
            **told_by(arm), **hand_told("peg_insert"),
        )  # fmt: skip
        self.arm, self.bus, self.stage, self.clock, self.says = arm, bus, stage, clock, says
        self.posture = Posture(setup, TICK_S)
        self.rest_rad, self.folded_rad, self.ready_rad = map(np.array, (arm.rest_rad, arm.folded_rad, arm.ready_rad))
        self.rows: list[Row] = []
        self.board = BoardReading()
        self.moves = 0
        self._blind_s = self._stalled_s = 0.0
        self._home = [self.rest_rad]
        self._holds = False

    def __enter__(self) -> "Rig":
        """Open both, hold, and rise. Raises LinkLost, SetupError."""
        self._rehearse()
        self.bus.open()
        try:
            self.stage.open()
            begin_s = self.clock.now()
            while not (self.posture.known and self.board.age_s < BLIND_S):
                self._wait()
                if self.clock.now() - begin_s > OPEN_S:
                    raise SetupError(self.bus.trouble() or self.stage.trouble() or "servos or board do not answer")
            if not self.posture.near(self.rest_rad, 0.3):
                raise SetupError(
                    "the arm does not lie as it rests: lay it down, folded together, and go on with --resume"
                )
            if trouble := self.bus.trouble():
                raise SetupError(trouble)
            self.moves = self.board.moves
            self.says(way_home(True, self.posture.goal_rad[:-1], self._home_points()))
            self._holds = True
            self.bus.torque(True)
            for _ in range(5):
                self._wait()
            self._home = [self.folded_rad, self.rest_rad]
            self.lead(self.folded_rad)
            self._home = [self.ready_rad, self.folded_rad, self.rest_rad]
            self.lead(self.ready_rad)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _rehearse(self) -> None:
        """All that is compiled on first use, before an arm waits for it; where the arm is, is not known yet."""
        posture = self.posture
        posture.kinematics.look(self.rest_rad)
        posture.kinematics.towards(posture.pose[:3], np.eye(3))
        posture.move(np.zeros(5))
        posture.lead(self.rest_rad, free=True)
        posture.pace_rad_s(self.rest_rad, self.folded_rad)

    def _home_points(self) -> np.ndarray:
        points = np.zeros((len(self._home), 6))
        here = self.posture.goal_rad[:-1]
        for row, point in zip(points, self._home, strict=True):
            row[:5], row[5] = point, self.posture.pace_rad_s(here, point)
            here = point
        return points

    def _wait(self) -> None:
        """Let a tick pass and take in what the devices say. Raises LinkLost."""
        goal_rad = self.posture.goal_rad.copy()
        self.clock.sleep_until(self.clock.now() + TICK_S)
        told = self.bus.read()
        self.board = self.stage.read()
        self._blind_s = 0.0 if self.posture.see(told) else self._blind_s + TICK_S
        self.rows.append(Row(goal_rad, told))

    def tick(self) -> Row:
        """Tell the servos `posture.goal_rad`, and let a tick pass. Raises LinkLost; SetupError where the arm is not fit to go on."""
        self.bus.write(self.posture.goal_rad.tolist())
        self._wait()
        self._stalled_s = self._stalled_s + TICK_S if self.posture.strain.eased[:-1].any() else 0.0
        if self._blind_s > BLIND_S:
            raise SetupError(self.bus.trouble() or "servos do not answer")
        if self._stalled_s > STALLED_S:
            raise SetupError(
                "a servo presses hard against something, and is not relieved: is anything in the arm's way?"
            )
        return self.rows[-1]

    def lead(self, joint_rad: np.ndarray) -> None:
        """The joints (5,) to angles, at the hand's walking pace. Raises SetupError where they do not come there."""
        self.says(way_home(True, self.posture.goal_rad[:-1], self._home_points()))
        begin_s = self.clock.now()
        while not (self.posture.near(joint_rad) and bool((self.posture.goal_rad[:-1] == joint_rad).all())):
            self.posture.lead(joint_rad, free=True)
            self.tick()
            if self.clock.now() - begin_s > LONGEST_S:
                raise SetupError(
                    f"the arm does not come where it is led: it stays at {np.round(self.posture.joint_rad[:-1], 2).tolist()} rad"
                )

    def move(self, motion: np.ndarray) -> Row:
        """The hand by a motion (5,) in a tick."""
        self.posture.move(motion)
        return self.tick()

    def settle(self, seconds: float) -> list[Row]:
        """Hold for so long; the rows of it."""
        begin = len(self.rows)
        end_s = self.clock.now() + seconds
        while self.clock.now() < end_s - 1e-9:
            self.tick()
        return self.rows[begin:]

    def rise(self) -> None:
        """Straight up, out of what the hand is in."""
        top_m = float(self.posture.pose[2]) + RAISED_M
        end_s = self.clock.now() + RAISING_S
        while self.posture.pose[2] < top_m and self.clock.now() < end_s:
            self.move(np.array([0.0, 0.0, UP_M_S * TICK_S * 3.0, 0.0, 0.0]))

    def next_board(self) -> None:
        """Let the stage bring the board to its next place, and wait until it is there. Raises SetupError."""
        self.moves += 1
        end_s = self.clock.now() + OPEN_S
        while self.board.moves < self.moves:
            self.stage.go(self.moves)
            self.settle(0.1)
            if self.clock.now() > end_s:
                raise SetupError("the stage does not move the board on")

    def _release(self) -> None:
        """Lay the arm down and let go of it, whoever interrupts. Raises SetupError where it cannot be led, and is left to hold."""
        try:
            if self._holds:
                self._stalled_s = 0.0  # on its way it is relieved of what it pressed against
                with undisturbed():
                    self._lie_down()
        except (LinkLost, SetupError, ConnectionError) as error:
            self.bus.stop()
            raise SetupError(
                f"{error}; the arm does not lie: its servos hold it. Hold it, and switch them off"
            ) from error
        finally:
            self.bus.close()
            self.stage.close()

    def _lie_down(self) -> None:
        if not self.posture.near(self.ready_rad, 0.05) and len(self._home) > 2:
            self.rise()
        for point in self._home:
            self.lead(point)
        self.settle(0.3)
        self.bus.let_go()
        self._wait()
