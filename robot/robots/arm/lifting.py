"""An arm that lifts a block: the script that puts it down elsewhere, and the one that shows how it is lifted."""

import math

import numpy as np
from typing_extensions import override

from policies.actor import Actor
from robot.robots.arm.block_reach import CLEAR_M, drawn_place, in_reach
from robot.robots.arm.mind import FAR_RAD, TICK_S, ArmMind
from robot.robots.arm.records import records_of
from robot.robots.arm.setup import ArmSetup
from robot.runtime.episodes import Outcome
from robot.runtime.skills import Learned, Scripted
from robot.tasks import lift
from robot.tasks.lift import DECISION_S, HELD_M, JAW_EITHER_RAD, JAW_RAD, LONGEST_S, SPEC, STEP_M, STEP_RAD
from sim.arm.kinematics import attitude

DISTANCE_M, YAW_RAD = (0.175, 0.225), 0.4  # where it is put down, from the first joint
IN_REACH_M = (0.15, 0.25)  # elsewhere it is left to the stage
BEGINS_ASIDE_M, BEGINS_M, BEGINS_RAD = 0.03, (0.016, 0.08), 0.1  # where an episode begins, from the block
BEGINS_CLOSED = 0.5  # share of episodes that begin with a closed jaw: as after a grasp that missed
CARRIED_M, LEFT_M = 0.04, 0.04  # over where blocks lie: it is carried, and left
LOW_M = 0.004  # below the middle of a block that lies: no hand goes there
HELD_UP_M, DOWN_M = 0.01, 0.002  # over where it lay: it is in the hand; it is down again
OPEN_RAD, CLOSING_RAD = 0.38, 0.36  # angles of the jaw, from which on it is open, and below which it closes
GRIPS = 0.2  # load of a jaw that holds something
WITHIN_M, STILL_RAD_S = 0.006, 0.5
FAST_M_S, FAST_RAD_S, GAIN_1_S = 0.2, 2.0, 10.0  # of the way back
RESET_LONGEST_S = 15.0
OPEN, CLOSED = 1.0, -1.0
UNSTEADY = 0.08

STEPS = np.array([STEP_M, STEP_M, STEP_M, STEP_RAD, STEP_RAD])
FAST = np.array([FAST_M_S, FAST_M_S, FAST_M_S, FAST_RAD_S, FAST_RAD_S])


class LiftMind(ArmMind):
    """Practises `robot/tasks/lift.py`."""

    task, records = SPEC, records_of(SPEC.name)

    def __init__(self, setup: ArmSetup, actor: Actor) -> None:
        # Outwards, across, up, where the hand is; and the block's, as it is seen.
        self.frame, self.block_frame, self.block_m = np.eye(3), np.eye(3), np.zeros(3)
        self.lay_m: float | None = None  # height of the block's middle when it lay last
        self.raised_m = self.tilt = self.turn_rad = 0.0  # as the task's fields
        self.jaw, self.blind = OPEN, True  # what it was told last; whether nothing is seen now
        self.put_at: tuple[np.ndarray, np.ndarray] | None = None  # where it is put down in this reset
        self.let_go = self.left = self.asked = False  # in this reset: the block; its place; the stage
        self.begins_at: tuple[np.ndarray, np.ndarray] | None = None
        self.begins_jaw = OPEN
        super().__init__(setup, actor)

    @override
    def skills(self) -> tuple[Scripted | Learned, ...]:
        back = Scripted("put down", self.put_down, RESET_LONGEST_S)
        return self.with_leader(back, Learned("lift", self.judge, LONGEST_S))

    @override
    def see(self, readings: np.ndarray) -> np.ndarray | None:
        seen = super().see(readings)
        self.blind = seen is None
        return seen

    @override
    def observe(self) -> np.ndarray:
        posture, pose = self.posture, self.posture.pose
        self.frame = self.upright(pose)
        self.find_block()
        self.aside_m[:] = (self.frame.T * (pose[:3] - self.block_m)).sum(1)
        self.raised_m = 0.0 if self.lay_m is None else float(self.block_m[2]) - self.lay_m
        self.tilt = float((self.frame[:, 0] * pose[3:6]).sum())
        side = self.block_frame[:, int(np.abs(self.block_frame[2]).argmin())]  # one of its axes that lie
        self.turn_rad = lift.from_nearest_side(math.atan2(pose[7], pose[6]) - math.atan2(side[1], side[0]))
        action = self.decisions.executed if self.age else self.nothing
        return lift.observe(posture.joint_rad, posture.joint_rad_s, float(posture.load[-1]), posture.goal_rad, action, -self.aside_m,
                            self.raised_m, self.tilt, self.turn_rad, DECISION_S * self.age)  # fmt: skip

    def find_block(self) -> None:
        """Where it is seen, into `block_m` and `block_frame`."""
        self.block_m[:] = self.board.place_m
        attitude(np.array(self.board.quaternion), self.block_frame)

    @override
    def anew(self) -> None:
        super().anew()
        self.put_at = self.begins_at = None
        self.let_go = self.left = self.asked = False
        if isinstance(self.order.skill, Learned):
            self.lay_m = float(self.block_m[2])

    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        return lift.reward(seen), Outcome.SUCCESS if lift.lifted(seen) else Outcome.RUNNING

    @override
    def clear(self) -> bool:
        return self.lay_m is None or bool(self.posture.pose[2] > self.lay_m + CLEAR_M)

    @override
    def error_m(self) -> float:
        return float(np.sqrt((self.aside_m * self.aside_m).sum()))

    @override
    def rest(self, seen: np.ndarray) -> np.ndarray:
        return self._told(np.zeros(5), self.jaw)

    @override
    def motion_of(self, action: np.ndarray) -> np.ndarray:
        if not self.blind:  # who no longer sees holds what it has
            self.jaw = float(action[5])
            self.posture.jaw_rad = JAW_RAD + JAW_EITHER_RAD * self.jaw
        if not isinstance(self.order.skill, Learned):
            return action[:5] * FAST * TICK_S
        motion = np.asarray(action[:5] * STEPS * (TICK_S / DECISION_S), np.float64)
        motion[:3] = (self.frame * motion[:3]).sum(1)
        if self.lay_m is not None:
            motion[2] = max(motion[2], min(0.0, self.lay_m - LOW_M - self.posture.pose[2]))
        return motion

    def put_down(self, seen: np.ndarray) -> np.ndarray | None:
        """What is in the hand, at another place; then the hand over to where an episode begins."""
        if not self.left and self.posture.near(self.rest_at, FAR_RAD) and not self.leading:
            self.leading, self.left = [self.folded, self.ready], True
        if self.leading:
            return self.rest(seen)
        if not self.left:
            return self._leave()
        if self.board.moves < self.moves:
            return self._told(np.zeros(5), OPEN)
        if not self._in_reach() and not self.asked:
            self.moves, self.asked = self.moves + 1, True
            return self._told(np.zeros(5), OPEN)
        if self.begins_at is None:
            x, y = self.rng.uniform(-BEGINS_ASIDE_M, BEGINS_ASIDE_M, 2)
            place = self.block_m + np.array([x, y, self.rng.uniform(*BEGINS_M)])
            self.begins_at = place, self._turned(place, float(self.rng.uniform(-BEGINS_RAD, BEGINS_RAD)))
            self.begins_jaw = CLOSED if self.rng.random() < BEGINS_CLOSED else OPEN
        there, action = self._towards(*self.begins_at, self.begins_jaw)
        still = np.abs(self.posture.joint_rad_s).max() < STILL_RAD_S
        return None if there and still else action

    def _leave(self) -> np.ndarray:
        """Carry the block somewhere, put it down, and leave it."""
        posture, pose = self.posture, self.posture.pose
        lay_m = float(self.block_m[2]) if self.lay_m is None else self.lay_m
        holds = self.raised_m > HELD_UP_M and self.error_m() < HELD_M
        if not self.let_go and (holds or self.put_at is not None):
            if self.put_at is None:
                place = np.array(
                    [*drawn_place(self.rng, posture.kinematics.hand.origins[0, 0], DISTANCE_M), lay_m + CARRIED_M]
                )
                self.put_at = place, self._turned(place, float(self.rng.uniform(-YAW_RAD, YAW_RAD)))
            place, frame = self.put_at
            there, action = self._towards(place, frame, CLOSED)
            lowest = bool(place[2] <= lay_m)
            self.let_go = self.raised_m < DOWN_M or (lowest and (there or not holds))
            if there and not lowest:
                place[2] -= 0.5 * CARRIED_M
            return action
        self.let_go = True
        if posture.joint_rad[-1] < OPEN_RAD:
            return self._told(np.zeros(5), OPEN)
        self.left = bool(pose[2] > lay_m + LEFT_M)
        return self._told(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), OPEN)

    def _in_reach(self) -> bool:
        """Whether the block lies flat where the hand can grasp it."""
        return in_reach(self.block_m, self.block_frame, self.posture.kinematics.hand.origins[0, 0], IN_REACH_M)

    def _turned(self, place: np.ndarray, yaw_rad: float) -> np.ndarray:
        """A frame whose x leads outwards at a place, turned about z."""
        frame, c, s = self.upright(place), math.cos(yaw_rad), math.sin(yaw_rad)
        return np.stack([c * frame[:, 0] + s * frame[:, 1], c * frame[:, 1] - s * frame[:, 0], frame[:, 2]], 1)

    def _towards(self, place: np.ndarray, frame: np.ndarray, jaw: float) -> tuple[bool, np.ndarray]:
        """Whether the hand is there, and the action that leads it there."""
        motion = self.posture.kinematics.towards(place, frame)
        there = bool(np.abs(motion[:3]).max() < WITHIN_M)
        return there, self._told(motion * GAIN_1_S / FAST, jaw)

    def _told(self, motion: np.ndarray, jaw: float) -> np.ndarray:
        return np.concatenate([motion, [jaw]])

    @override
    def action_of(self, motion: np.ndarray) -> np.ndarray:
        wanted = motion / STEPS
        wanted[:3] = (self.frame.T * motion[:3]).sum(1) / STEP_M
        told_rad = JAW_RAD + JAW_EITHER_RAD * self.jaw
        jaw_rad = told_rad if self.leader is None else self.leader.jaw(told_rad)
        return self._told(wanted, (jaw_rad - JAW_RAD) / JAW_EITHER_RAD)

    @override
    def script(self) -> np.ndarray:
        """Over the block, down around it, close, and up; what to do follows from what is seen alone."""
        away, posture = -self.aside_m, self.posture
        aside_m, off_m = math.sqrt(away[0] * away[0] + away[1] * away[1]), self.error_m()
        closing = posture.joint_rad[-1] < CLOSING_RAD
        action = np.zeros(6)
        action[3], action[4] = 0.5 * self.tilt / STEP_RAD, 0.5 * self.turn_rad / STEP_RAD
        if closing and off_m < HELD_M and abs(posture.load[-1]) > GRIPS:
            action[2], action[3:5], action[5] = 1.0, 0.0, CLOSED
        elif off_m < WITHIN_M or (closing and off_m < 2.0 * WITHIN_M):
            action[5] = CLOSED
        else:
            within_m = WITHIN_M if away[2] < -CLEAR_M else 2.0 * WITHIN_M  # once it is on its way down, it goes on
            over = aside_m < within_m and abs(self.turn_rad) < BEGINS_RAD and not closing
            action[:3] = 0.5 * (away + [0.0, 0.0, 0.0 if over else CARRIED_M]) / STEP_M
            action[5] = OPEN
        action[:5] += UNSTEADY * self.rng.standard_normal(5)
        return np.minimum(np.maximum(action, -1.0), 1.0).astype(np.float32)
