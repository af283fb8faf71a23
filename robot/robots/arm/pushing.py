"""An arm that pushes a block from place to place: nothing has to be brought back in between."""

import math

import numpy as np
from typing_extensions import override

from policies.actor import Actor
from robot.robots.arm.block_reach import CLEAR_M, drawn_place, in_reach
from robot.robots.arm.mind import TICK_S, ArmMind
from robot.robots.arm.records import records_of
from robot.robots.arm.setup import ArmSetup
from robot.runtime.episodes import Outcome
from robot.runtime.skills import Learned, Scripted
from robot.tasks import push
from robot.tasks.lift import from_nearest_side
from robot.tasks.push import BEHIND_M, DECISION_S, LONGEST_S, LOW_M, SPEC, STEP_M, STEP_RAD
from sim.arm.kinematics import attitude

CLOSED_RAD = -0.12  # of the jaw
DISTANCE_M, IN_REACH_M = (0.165, 0.205), (0.15, 0.22)  # of places, from the first joint; further off the stage helps
LEAST_M, DRAWS = 0.04, 20  # of a block's way; how often another place is drawn that is nearer
LOWEST_M = 0.009  # below the middle of a block that lies: no hand goes there
OVER_M = 0.032  # over where pushes begin: the hand passes over the block
AT_M, ASIDE_M, FAST_M = 0.008, 0.006, 0.02  # where a push begins; beside the way, at most; how slowly it ends
LIFTS_WITHIN_M = 0.05  # of the block: nearer, the hand rises before it goes elsewhere
UNSTEADY = 0.08
STEPS = np.array([STEP_M, STEP_M, STEP_M, STEP_RAD, STEP_RAD])


class PushMind(ArmMind):
    """Practises `robot/tasks/push.py`."""

    task, records = SPEC, records_of(SPEC.name)

    def __init__(self, setup: ArmSetup, actor: Actor) -> None:
        # Along the block's way, across, up; and the block's, as it is seen.
        self.frame, self.block_frame = np.eye(3), np.eye(3)
        self.place = np.zeros(2)  # where the block is to be
        self.lay_m: float | None = None  # height of the block's middle when it lay last
        self.left_m = self.tilt = 0.0
        self.asked = False  # the stage, before this push
        super().__init__(setup, actor)
        self.posture.jaw_rad = CLOSED_RAD

    @override
    def skills(self) -> tuple[Scripted | Learned, ...]:
        return self.with_leader(
            Scripted("unfold", self.unfold), Scripted("fetch", self.fetch), Learned("push", self.judge, LONGEST_S)
        )

    @override
    def observe(self) -> np.ndarray:
        posture, pose, block = self.posture, self.posture.pose, self.board.place_m
        outwards, over_rad = self.upright(pose), self.upright(np.array(block))
        way = self.place - block[:2]
        self.left_m = max(1e-6, float(np.sqrt((way * way).sum())))
        c, s = way / self.left_m
        self.frame = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        self.aside_m[:] = (self.frame.T * (pose[:3] - block)).sum(1)
        attitude(np.array(self.board.quaternion), self.block_frame)
        side = self.block_frame[:, int(np.abs(self.block_frame[2]).argmin())]  # one of its axes that lie
        side_rad = from_nearest_side(math.atan2(side[1], side[0]) - math.atan2(s, c))
        self.tilt = float((outwards[:, 0] * pose[3:6]).sum())
        heading = (over_rad[:2, :2].T * way).sum(1) / self.left_m
        action = self.decisions.executed if self.age else self.nothing
        return push.observe(posture.joint_rad[:-1], posture.joint_rad_s[:-1], posture.goal_rad[:-1], action, heading,
                            self.aside_m + [BEHIND_M, 0.0, LOW_M], self.left_m, side_rad, self.tilt, self._turn_rad(outwards),
                            DECISION_S * self.age)  # fmt: skip

    def _turn_rad(self, outwards: np.ndarray) -> float:
        """By which the hand would be across again."""
        return -float((outwards[:, 0] * self.posture.pose[6:9]).sum())

    @override
    def anew(self) -> None:
        super().anew()
        if isinstance(self.order.skill, Learned):
            self.lay_m, self.asked = float(self.board.place_m[2]), False
            self._aim()

    def _aim(self) -> None:
        """Another place for the block."""
        for _ in range(DRAWS):
            self.place[:] = drawn_place(self.rng, self.posture.kinematics.hand.origins[0, 0], DISTANCE_M)
            way = self.place - self.board.place_m[:2]
            if (way * way).sum() > LEAST_M * LEAST_M:
                return

    def fetch(self, seen: np.ndarray) -> np.ndarray | None:
        """Nothing, where the block lies in reach; elsewhere the hand rises, and the stage is asked for the block."""
        if self.board.moves >= self.moves and (self.asked or self._in_reach()):
            return None
        if not self.clear():
            return np.array([0.0, 0.0, 1.0, 0.0, 0.0])
        self.moves, self.asked = self.moves + (not self.asked), True
        return self.nothing

    def _in_reach(self) -> bool:
        return in_reach(self.board.place_m, self.block_frame, self.posture.kinematics.hand.origins[0, 0], IN_REACH_M)

    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        return push.reward(seen), Outcome.SUCCESS if push.pushed(seen) else Outcome.RUNNING

    @override
    def clear(self) -> bool:
        return self.lay_m is None or bool(self.posture.pose[2] > self.lay_m + CLEAR_M)

    @override
    def error_m(self) -> float:
        return self.left_m

    @override
    def motion_of(self, action: np.ndarray) -> np.ndarray:
        motion = np.asarray(action * STEPS * (TICK_S / DECISION_S), np.float64)
        motion[:3] = (self.frame * motion[:3]).sum(1)
        if self.lay_m is not None:
            motion[2] = max(motion[2], min(0.0, self.lay_m - LOWEST_M - self.posture.pose[2]))
        return motion

    @override
    def action_of(self, motion: np.ndarray) -> np.ndarray:
        wanted = motion / STEPS
        wanted[:3] = (self.frame.T * motion[:3]).sum(1) / STEP_M
        return wanted

    @override
    def script(self) -> np.ndarray:
        """Over the block to behind it, down, and along its way; what to do follows from what is seen alone."""
        along, across, up = self.aside_m + [BEHIND_M, 0.0, LOW_M]
        action = np.zeros(5)
        action[3], action[4] = (
            0.2 * self.tilt / STEP_RAD,
            0.5 * self._turn_rad(self.upright(self.posture.pose)) / STEP_RAD,
        )
        low, behind = up < AT_M, abs(along) < AT_M and abs(across) < ASIDE_M
        if low and -0.5 * AT_M < along < BEHIND_M and abs(across) < 2.0 * ASIDE_M:
            action[:3] = 0.5 * (self.left_m + FAST_M) / STEP_M, -0.5 * across / STEP_M, -0.5 * up / STEP_M
            action[0] = min(action[0], 0.5)
        elif behind:
            action[:3] = -0.5 * along / STEP_M, -0.5 * across / STEP_M, -0.5 * up / STEP_M
        elif up < OVER_M - AT_M and self.error_from_block_m() < LIFTS_WITHIN_M:
            action[:3] = -0.2, 0.0, 1.0
        else:
            action[:3] = -0.5 * along / STEP_M, -0.5 * across / STEP_M, 0.5 * (OVER_M - up) / STEP_M
        action += UNSTEADY * self.rng.standard_normal(5)
        return np.minimum(np.maximum(action, -1.0), 1.0).astype(np.float32)

    def error_from_block_m(self) -> float:
        """Of the hand from the block, along the table."""
        return math.sqrt(self.aside_m[0] * self.aside_m[0] + self.aside_m[1] * self.aside_m[1])
