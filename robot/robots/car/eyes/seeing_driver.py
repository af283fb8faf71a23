"""What a driver that sees is: an encoder for each frame, a short memory of what it saw and felt, and an actor.

The actor is `policies/actor.py`'s: its observation is the embeddings and what the car feels by itself (speed, yaw rate, commands and actions, no
place) of the last STACK decisions, newest first. So it runs on board without torch, and RLPD may go on from it.
"""

import numpy as np

from policies.actor import actor_layers
from robot.tasks.race_track.by_camera import EMBEDDING, FELT_PLACES, FRAME_SIZE, STACK
from robot.tasks.race_track.task import ACTION_SIZE, OBSERVATION_SIZE

WIDTH, HEIGHT, CAMERA = 96, 32, "calibrated"  # a band round the horizon, grey
HIDDEN = (128, 128)
SEEN_PLACES = np.setdiff1d(np.arange(OBSERVATION_SIZE), FELT_PLACES)  # what the camera has to tell
LAYERS = actor_layers(STACK * FRAME_SIZE, ACTION_SIZE, HIDDEN)


class Memory:
    """The last STACK decisions of n cars, newest first."""

    def __init__(self, n: int) -> None:
        self._stack = np.zeros((n, STACK, FRAME_SIZE), np.float32)

    def with_now(self, embedding: np.ndarray, observation: np.ndarray, age: np.ndarray) -> np.ndarray:
        """The actor's observation (n, STACK * FRAME_SIZE): a view, valid until the next call.

        embedding (n, EMBEDDING), or more numbers, which are left out; observation (n, 50) of the task; age (n,): decisions since the start, when there was nothing before.
        """
        now = np.concatenate([embedding[:, :EMBEDDING], observation[:, FELT_PLACES]], 1)
        self._stack[:, 1:] = self._stack[:, :-1].copy()
        self._stack[:, 0] = now
        new = age == 0
        self._stack[new] = now[new, None]
        return self._stack.reshape(len(now), -1)
