"""A car's decisions: what they are paid for, and the two before, which its policy sees."""

import numpy as np

from robot.robots.car.records import TRANSITION
from robot.runtime import decisions
from robot.tasks.race_track import task


class Decisions(decisions.Decisions):
    """An episode ends with a collision, or when the robot takes the wheel away from the policy."""

    def __init__(self, step: int, episode: int, transition: np.dtype = TRANSITION) -> None:
        super().__init__(transition, step, episode)
        self.earlier = np.zeros((2, task.ACTION_SIZE), np.float32)  # the last two executed actions, newest first
        self.progress_m = 0.0

    def moved(self, progress_m: float) -> None:
        """Progress along the course since the last tick."""
        self.progress_m += progress_m

    def decide(self, time_s: float, observation: np.ndarray, proposed: np.ndarray, executed: np.ndarray,
               demonstration: bool = False) -> None:  # fmt: skip
        """Put a new decision in force. The one before must have been completed or dropped."""
        super().decide(time_s, observation, proposed, executed, demonstration)
        self.earlier[1] = self.earlier[0]
        self.earlier[0] = executed
        self.progress_m = 0.0

    def complete(self, time_s: float, observation: np.ndarray, collided: bool, taken_over: bool) -> np.ndarray:
        """The transition from the decision in force (there must be one, see `pending`) to `observation`."""
        reward = task.reward(self.progress_m, collided, self.override)
        return self.completed(time_s, observation, reward, collided, taken_over)

    def restart(self, steer_action: float, speed_action: float) -> None:
        """Begin a new chain: the last two actions are taken to be those that ask for the present command."""
        self.pending = False
        self.earlier[:] = (steer_action, speed_action)
