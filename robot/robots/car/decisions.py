"""Decisions of a task, and the transitions between them: what was seen, done, paid, and seen next."""

import numpy as np

from robot.robots.car.records import TRANSITION
from robot.tasks.race_track import task


class Decisions:
    """Keeps the decision in force, and turns it into a transition when the next one is due or when it is cut short.

    An episode is a chain of decisions without a gap: it ends with a collision (terminated), or when the robot takes
    the wheel away from the policy (truncated).
    """

    def __init__(self, step: int, episode: int) -> None:
        self.step = step  # of the next transition
        self.episode = episode
        self.observation = np.zeros(task.OBSERVATION_SIZE, np.float32)
        self.proposed = np.zeros(task.ACTION_SIZE, np.float32)
        self.executed = np.zeros(task.ACTION_SIZE, np.float32)
        self.earlier = np.zeros((2, task.ACTION_SIZE), np.float32)  # the last two executed actions, newest first
        self.pending = False
        self.progress_m = 0.0
        self.started_s = 0.0
        self.demonstration = False
        self.count = 0

    def moved(self, progress_m: float) -> None:
        """Progress along the course since the last tick."""
        self.progress_m += progress_m

    def decide(self, time_s: float, observation: np.ndarray, proposed: np.ndarray, executed: np.ndarray,
               demonstration: bool) -> None:  # fmt: skip
        """Put a new decision in force. The one before must have been completed or dropped."""
        self.observation[:] = observation
        self.proposed[:] = proposed
        self.executed[:] = executed
        self.earlier[1] = self.earlier[0]
        self.earlier[0] = executed
        self.progress_m = 0.0
        self.started_s = time_s
        self.demonstration = demonstration
        self.pending = True
        self.count += 1

    def complete(self, time_s: float, observation: np.ndarray, collided: bool, taken_over: bool) -> np.ndarray:
        """The transition from the decision in force (there must be one, see `pending`) to `observation`."""
        self.pending = False
        override = float(np.abs(self.executed - self.proposed).max())
        t = np.zeros((), TRANSITION)
        t["step"], t["episode"], t["duration_s"] = self.step, self.episode, time_s - self.started_s
        t["observation"], t["next_observation"] = self.observation, observation
        t["action"], t["proposed"] = self.executed, self.proposed
        t["reward"] = task.reward(self.progress_m, collided, override)
        t["terminated"], t["truncated"] = collided, taken_over and not collided
        t["overridden"], t["demonstration"] = override > 1e-6, self.demonstration
        self.step += 1
        if collided or taken_over:
            self.episode += 1
        return t

    def restart(self, steer_action: float, speed_action: float) -> None:
        """Begin a new chain: the last two actions are taken to be those that ask for the present command."""
        self.pending = False
        self.earlier[:] = (steer_action, speed_action)
