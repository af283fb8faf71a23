"""What the policy of a car with a camera sees: the last decisions' embeddings, and what the car felt beside each, newest first."""

import numpy as np

from robot.robots.car.estimation.estimator import Estimate
from robot.robots.car.shield.supervision import Command
from robot.tasks.race_track import task
from robot.tasks.race_track.by_camera import EMBEDDING, FRAME_SIZE, STACK


class SeenStack:
    """observation (STACK * FRAME_SIZE,) float32, of the last `take`."""

    def __init__(self) -> None:
        self.observation = np.zeros(STACK * FRAME_SIZE, np.float32)
        self._begins = True

    def forget(self) -> None:
        """What comes next is the first of a chain: before it there was nothing."""
        self._begins = True

    def take(self, embedding: np.ndarray, estimate: Estimate, command: Command, earlier: np.ndarray) -> None:
        """A decision's picture. command: in force before it; earlier (2, 2): the last two actions, newest first."""
        stack = self.observation.reshape(STACK, FRAME_SIZE)
        stack[1:] = stack[:-1].copy()
        now = stack[0]
        now[:EMBEDDING] = embedding[:EMBEDDING]
        now[EMBEDDING:] = (
            estimate.v_x / 3.0 - 1.0, estimate.yaw_rate / 3.0, command.steer_rad / task.STEER_MAX_RAD,
            command.speed_m_s / 3.0 - 1.0, *earlier.ravel(),
        )  # fmt: skip
        if self._begins:
            stack[1:] = now
        self._begins = False
