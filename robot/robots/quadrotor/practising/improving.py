"""A few seconds of gradients in the fitted simulator, from the policy that flies; and whether it is worth taking on board."""

import time
from dataclasses import dataclass, replace

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import Conditions, Network, evaluate
from robot.robots.quadrotor.evaluation.judgement import Figures
from robot.robots.quadrotor.evaluation.tracking import fly_path
from robot.robots.quadrotor.practising.fit import Fitted
from robot.robots.quadrotor.training.decision import Objective
from robot.robots.quadrotor.training.first_order import FirstOrder, Recipe
from robot.robots.quadrotor.training.recipes import ESTIMATE
from robot.tasks import task_module
from robot.tasks.track_trajectory import figure_of_eight
from sim.quadrotor.model import N_ROTORS, QuadrotorParameters, QuadrotorRandomisation

ITERATIONS, RATE, ADAM_RATE = 200, 0.04, 4e-3
JUDGED_SEED, JUDGED_FLIGHTS = 7_000_001, 256
LATENCY_SPREAD_S = 0.005  # the fit knows it so well, as what follows
SPREAD = QuadrotorRandomisation(
    mass=0.02, inertia=0.1, motor_delay=0.1, thrust=0.02, latency_high_s=2.0 * LATENCY_SPREAD_S, force_share=0.01,
    torque_share_m=2e-5,
)  # fmt: skip
SURVIVES_LESS = 0.01  # a policy that survives so much less often is not taken
GAIN = 0.9  # the error that it must have, as a share of the present one's


@dataclass(frozen=True)
class Improved:
    """weights: the new ones. before, after: flights in the fitted simulator, with the old ones and with these."""

    weights: np.ndarray
    before: Figures
    after: Figures
    updates: int
    seconds: float

    def is_better(self, beaten: int) -> bool:
        """Whether it is worth a flight, by what the fitted simulator says alone: which has to promise more for each policy whose
        promise was not kept, `beaten` of them."""
        return is_better(self.before, self.after, GAIN ** (1 + beaten))


def is_better(before: Figures, after: Figures, gain: float) -> bool:
    """Survives as often, and errs less, at most the share `gain`; or survives more often."""
    survived, survives = before["survival"] or 0.0, after["survival"] or 0.0
    if survives > survived + SURVIVES_LESS:
        return True
    erred_m, errs_m = before["position_error_m"], after["position_error_m"]
    return survives >= survived - SURVIVES_LESS and errs_m is not None and (erred_m is None or errs_m < gain * erred_m)


def as_flown(quadrotor: QuadrotorParameters) -> QuadrotorParameters:
    """A fitted drone for the simulator: its firmware compensates for the battery; latency spreads to both sides."""
    return replace(quadrotor, battery_v=quadrotor.battery_nominal_v, battery_sag_v_n=0.0,
                   latency_s=max(0.0, quadrotor.latency_s - LATENCY_SPREAD_S))  # fmt: skip


def improve(
    weights: np.ndarray, layers: tuple[int, ...], task_name: str, fitted: Fitted, seed: int, lap_s: float
) -> Improved:
    """Train from `weights` on in the simulator of `fitted`. The same arguments give the same bytes.

    A policy that tracks trajectories also trains on the figure-of-eight of that lap, and is judged by it alone: it is what is flown.
    """
    began_s = time.perf_counter()
    task, quadrotor = task_module(task_name), as_flown(fitted.quadrotor)
    recipe = Recipe(
        iterations=ITERATIONS,
        history=(layers[0] - task.OBSERVATION_SIZE) // N_ROTORS,
        horizons=(),
        rate=RATE,
        adam_rate=ADAM_RATE,
        spread=SPREAD,
    )
    path = figure_of_eight(lap_s) if task_name == "track_trajectory" else None
    if path is not None:
        recipe = replace(recipe, objective=Objective(attitude=0.5, position_knee_m=0.01), decisions_max=600,
                         path=tuple(path.tolist()))  # fmt: skip
    learner = FirstOrder(task, [quadrotor], task.STARTS, ESTIMATE, seed, recipe)
    learner.actor[:] = weights
    for _ in range(ITERATIONS):
        learner.iterate()
    learner.threads.shutdown()
    seconds = time.perf_counter() - began_s
    under = Conditions(quadrotor, SPREAD, task.STARTS, ESTIMATE)

    def judged(of: np.ndarray) -> Figures:
        pilot = Network(of, layers, task)
        if path is not None:
            return fly_path(pilot, path, under, JUDGED_SEED, JUDGED_FLIGHTS).figures()
        return evaluate(pilot, under, JUDGED_SEED, JUDGED_FLIGHTS, task).figures()

    return Improved(learner.weights, judged(weights), judged(learner.actor), learner.updates, seconds)
