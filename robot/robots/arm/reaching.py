"""An arm that reaches for places, one after the other: nothing has to be brought back in between."""

import numpy as np
from typing_extensions import override

from policies.actor import Actor
from robot.robots.arm.mind import TICK_S, ArmMind
from robot.robots.arm.records import records_of
from robot.robots.arm.setup import ArmSetup
from robot.runtime.episodes import Outcome
from robot.runtime.skills import Learned, Scripted
from robot.tasks import reach
from robot.tasks.reach import DECISION_S, LONGEST_S, SPEC, STEP_M, STEP_RAD

LOW_M, HIGH_M = (0.16, -0.10, -0.03), (0.30, 0.10, 0.06)  # where the places are, in the base's frame
STEPS = np.array([STEP_M, STEP_M, STEP_M, STEP_RAD, STEP_RAD])


class ReachMind(ArmMind):
    """Practises `robot/tasks/reach.py`."""

    task, records = SPEC, records_of(SPEC.name)
    needs_board = False

    def __init__(self, setup: ArmSetup, actor: Actor) -> None:
        self.place = np.zeros(3)
        super().__init__(setup, actor)

    @override
    def skills(self) -> tuple[Scripted | Learned, ...]:
        return self.with_leader(Scripted("unfold", self.unfold), Learned("reach", self.judge, LONGEST_S))

    @override
    def observe(self) -> np.ndarray:
        posture = self.posture
        self.aside_m[:] = posture.pose[:3] - self.place
        action = self.decisions.executed if self.age else self.nothing
        return reach.observe(posture.joint_rad[:-1], posture.joint_rad_s[:-1], posture.goal_rad[:-1], action, -self.aside_m,
                             DECISION_S * self.age)  # fmt: skip

    @override
    def anew(self) -> None:
        super().anew()
        if isinstance(self.order.skill, Learned):
            self.place[:] = self.rng.uniform(LOW_M, HIGH_M)

    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        return reach.reward(seen), Outcome.SUCCESS if reach.reached(seen) else Outcome.RUNNING

    @override
    def action_of(self, motion: np.ndarray) -> np.ndarray:
        return motion / STEPS

    @override
    def script(self) -> np.ndarray:
        """Straight there, ever slower."""
        action = min(0.1, 3.0 * self.error_m()) * self.rng.standard_normal(len(STEPS))
        action[:3] -= 0.4 * self.aside_m / STEP_M
        return np.minimum(np.maximum(action, -1.0), 1.0).astype(np.float32)

    @override
    def clear(self) -> bool:
        return True

    @override
    def error_m(self) -> float:
        return float(np.sqrt((self.aside_m * self.aside_m).sum()))

    @override
    def motion_of(self, action: np.ndarray) -> np.ndarray:
        return action * STEPS * (TICK_S / DECISION_S)
