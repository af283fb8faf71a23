"""An actor fitted to what somebody would have done, by least squares on its mean actions."""

import numpy as np

from policies.actor import weight_count
from policies.rlpd import actor_imitation


class Imitation:
    """Batch by batch. weights: the actor's, a copy, which `step` changes in place."""

    def __init__(self, layers: tuple[int, ...], weights: np.ndarray, batch: int) -> None:
        def space(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.float32)

        _, k, _, outputs = layers
        m = outputs // 2
        self.weights, self.batch = weights.astype(np.float32), batch
        self._actor_space = (space(batch, k), space(batch, k), space(batch, outputs), space(batch, m), space(batch),
                             space(batch, m))  # fmt: skip
        self._gradient_space = (space(batch, outputs), space(batch, m), space(2, batch, k), space(weight_count(layers)))
        self._moments = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self._steps = 0

    def step(self, seen: np.ndarray, shown: np.ndarray, rate: float) -> None:
        """One step of Adam towards the actions shown (batch, m) float32 for observations (batch, n) float32."""
        self._steps += 1
        actor_imitation(
            self.weights, seen, shown, self._actor_space, self._gradient_space, self._moments, self._steps, rate
        )
