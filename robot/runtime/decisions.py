"""Decisions of a policy, and the transitions between them: what was seen, done, paid, and seen next."""

import numpy as np


class Decisions:
    """Keeps the decision in force, and turns it into a transition when the next one is due or when it is cut short.

    An episode is a chain of decisions without a gap: it ends where nothing can follow (terminated), or when the robot takes
    the wheel away from the policy (truncated). transition: the dtype. step, episode: of the next transition.
    """

    def __init__(self, transition: np.dtype, step: int, episode: int) -> None:
        self.step, self.episode = step, episode
        self.observation = np.zeros(transition["observation"].shape, np.float32)
        self.proposed = np.zeros(transition["action"].shape, np.float32)
        self.executed = np.zeros_like(self.proposed)
        self.pending = False
        self.started_s = 0.0
        self.demonstration = False
        self.count = 0
        self._transition = transition

    def decide(self, time_s: float, observation: np.ndarray, proposed: np.ndarray, executed: np.ndarray,
               demonstration: bool = False) -> None:  # fmt: skip
        """Put a new decision in force. The one before must have been completed or dropped."""
        self.observation[:] = observation
        self.proposed[:] = proposed
        self.executed[:] = executed
        self.started_s = time_s
        self.demonstration = demonstration
        self.pending = True
        self.count += 1

    @property
    def override(self) -> float:
        """How far what is executed is from what was proposed."""
        return float(np.abs(self.executed - self.proposed).max())

    def completed(self, time_s: float, observation: np.ndarray, reward: float, terminated: bool,
                  taken_over: bool) -> np.ndarray:  # fmt: skip
        """The transition from the decision in force (there must be one, see `pending`) to `observation`."""
        self.pending = False
        t = np.zeros((), self._transition)
        t["step"], t["episode"], t["duration_s"] = self.step, self.episode, time_s - self.started_s
        t["observation"], t["next_observation"] = self.observation, observation
        t["action"], t["proposed"] = self.executed, self.proposed
        t["reward"] = reward
        t["terminated"], t["truncated"] = terminated, taken_over and not terminated
        t["overridden"], t["demonstration"] = self.override > 1e-6, self.demonstration
        self.step += 1
        if terminated or taken_over:
            self.episode += 1
        return t
