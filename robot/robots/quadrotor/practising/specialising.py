"""From a policy that flies any quadrotor to one quadrotor's own: a few seconds of gradients in its simulator."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from policies.recurrent_actor import RecurrentLayers
from robot.robots.quadrotor.evaluation.evaluation import DISTURBED
from robot.robots.quadrotor.practising import improving
from robot.robots.quadrotor.training.any_quadrotor import AnyQuadrotor, Recipe
from robot.robots.quadrotor.training.first_order import drawn_quadrotors
from sim.quadrotor.fleets import Drawn, noise_between
from sim.quadrotor.model import QuadrotorParameters, QuadrotorRandomisation

RECIPE = Recipe(iterations=200, horizons=(), rate=0.03, adam_rate=6e-3, near_between=(0.0, 1.0), early_at=0.0)
SPREAD = replace(improving.SPREAD, force_share=DISTURBED.force_share, torque_share_m=DISTURBED.torque_share_m)


@dataclass(frozen=True)
class Around:
    """Drones like one of them: a fleet."""

    quadrotor: QuadrotorParameters
    spread: QuadrotorRandomisation = SPREAD

    @property
    def latest_s(self) -> float:
        """The largest latency."""
        return self.quadrotor.latency_s + self.spread.latency_high_s

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """n of them."""
        drones = drawn_quadrotors([self.quadrotor], [self.spread], n, rng)
        return Drawn(drones, np.zeros(n), noise_between(rng.random(n)))


def specialise(
    weights: np.ndarray, layers: RecurrentLayers, task: Any, quadrotor: QuadrotorParameters, seed: int
) -> np.ndarray:
    """The weights that fly drones around this one, from those of a policy that is told nothing. The same arguments give the same."""
    learner = AnyQuadrotor(task, Around(quadrotor), task.STARTS, seed, RECIPE)
    assert learner.layers == layers
    learner.actor[:] = weights
    for _ in range(RECIPE.iterations):
        learner.iterate()
    learner.threads.shutdown()
    return learner.weights
