"""A policy with memory as a pilot of many drones at once."""

from typing import Any

import numpy as np

from policies.recurrent_actor import RecurrentLayers
from policies.recurrent_gradient import build_forward, gates_for, parts, room_for
from robot.robots.quadrotor.evaluation.evaluation import Network, Pilot
from robot.tasks import hover
from sim.quadrotor.model import N_ROTORS
from sim.quadrotor.told import N_TOLD, told


class Recurrent:
    """A policy of `policies/recurrent_actor.py`: it sees the task's observation and its last action.

    One that is told its drones' numbers sees them between the two: `tell` it before `begin`.
    """

    history = 1

    def __init__(self, weights: np.ndarray, layers: RecurrentLayers, task: Any = hover) -> None:
        """Raises ValueError if it does not see the task's observation and one past action."""
        self.columns, usual = task.OBSERVATION_SIZE, task.OBSERVATION_SIZE + N_ROTORS
        if layers.inputs not in (usual, usual + N_TOLD) or layers.actions != N_ROTORS:
            raise ValueError(f"layers {tuple(layers)}: need {usual} inputs, or {N_TOLD} more, and 4 outputs")
        self.numbers = np.zeros((layers.inputs - usual, 1), np.float32)
        self.layers, self.weights = layers, parts(np.array(weights, np.float32), layers)
        self.forward = build_forward()

    def tell(self, drones: np.ndarray) -> None:
        """What drones (n, N_PARAMETERS) it is given control of next, if it wants to know."""
        if len(self.numbers):
            self.numbers = told(drones).T

    def begin(self, n: int) -> None:
        """Get ready for n new flights: nothing is remembered. Raises ValueError if it would have to be told what flies."""
        if len(self.numbers) and self.numbers.shape[1] != n:
            raise ValueError(
                "policy: found one that is told its quadrotor, allowed: one that is not; `robot evaluate --choose` makes it"
            )
        self.seen = np.empty((self.layers.inputs, n), np.float32)
        self.memory, self.after = (np.zeros((self.layers.memory, n), np.float32) for _ in range(2))
        self.encoded = np.empty((self.layers.encoder, n), np.float32)
        self.gates, self.room = gates_for(self.layers, n), room_for(self.layers, n)

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        """Write actions (N_ROTORS, n) for the task's observation and the last action (its size + 4, n), all float32."""
        self.seen[: self.columns], self.seen[-N_ROTORS:] = observation[: self.columns], observation[self.columns :]
        self.seen[self.columns : -N_ROTORS] = self.numbers
        self.forward(self.weights, self.seen, self.memory, self.encoded, self.gates, self.after, actions, self.room)
        self.memory, self.after = self.after, self.memory


def pilot_of(weights: np.ndarray, layers: tuple[int, ...], task: Any) -> Pilot:
    """The pilot that a policy of either kind is. Raises ValueError for one that does not see what the task shows."""
    if isinstance(layers, RecurrentLayers):
        return Recurrent(weights, layers, task)
    return Network(weights, layers, task)
