"""A policy with memory as a pilot of many drones at once."""

from typing import Any

import numpy as np

from policies.recurrent_actor import RecurrentLayers
from policies.recurrent_gradient import build_forward, gates_for, parts, room_for
from robot.robots.quadrotor.evaluation.evaluation import Network, Pilot
from robot.tasks import hover
from sim.quadrotor.model import N_ROTORS


class Recurrent:
    """A policy of `policies/recurrent_actor.py`: it sees the task's observation and its last action."""

    history = 1

    def __init__(self, weights: np.ndarray, layers: RecurrentLayers, task: Any = hover) -> None:
        """Raises ValueError if it does not see the task's observation and one past action."""
        if layers.inputs != task.OBSERVATION_SIZE + N_ROTORS or layers.actions != N_ROTORS:
            raise ValueError(f"layers {tuple(layers)}: need {task.OBSERVATION_SIZE + N_ROTORS} inputs, 4 outputs")
        self.layers, self.weights = layers, parts(np.array(weights, np.float32), layers)
        self.forward = build_forward()

    def begin(self, n: int) -> None:
        """Get ready for n new flights: nothing is remembered."""
        self.memory, self.after = (np.zeros((self.layers.memory, n), np.float32) for _ in range(2))
        self.encoded = np.empty((self.layers.encoder, n), np.float32)
        self.gates, self.room = gates_for(self.layers, n), room_for(self.layers, n)

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        """Write actions (N_ROTORS, n) for what is seen (inputs, n), all float32."""
        self.forward(self.weights, observation, self.memory, self.encoded, self.gates, self.after, actions, self.room)
        self.memory, self.after = self.after, self.memory


def pilot_of(weights: np.ndarray, layers: tuple[int, ...], task: Any) -> Pilot:
    """The pilot that a policy of either kind is. Raises ValueError for one that does not see what the task shows."""
    if isinstance(layers, RecurrentLayers):
        return Recurrent(weights, layers, task)
    return Network(weights, layers, task)
