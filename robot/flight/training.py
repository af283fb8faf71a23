"""`robot train --task hover`: a policy that flies, in seconds, in a run's folder.

The folder has config.toml, policy.npz, metrics.csv (one row a check), flights.png, and of a tracked trajectory
tracking.png.
"""

import csv
import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from policies.array_file import write_bytes_atomically
from policies.policy_file import save_policy
from robot.flight.evaluation import DISTURBED, Conditions, Network, evaluate
from robot.flight.first_order import FirstOrder, Recipe
from robot.flight.judgement import MORE_DELAY_S, VARIED
from robot.flight.settings import FlightTrainConfig
from robot.flight.tracking import track
from robot.flight.window import Objective
from robot.practice.settings import new_run_folder, save_config
from robot.tasks import recover, task_module
from sim.quadrotor import Q_X, Q_Y, STEP_S, QuadrotorParameters, load_parameters
from sim.quadrotor_batch import SensorNoise

BOTH = ("crazyflie_2_0", "crazyflie_2_1")
OTHER_SHARE = 2  # of the drones of a training for both are of the other set, to one of the own
CHECKS, CHECK_FLIGHTS = 8, 256
JUDGED_SEED, JUDGED_FLIGHTS = 1_000_003, 1000  # fresh starts and drones, which no check has seen
JUDGED_SPREAD = 0.2  # of VARIED, in survival_randomised

LATENCY_S = 0.01  # from sensing to motors, that a drone is expected to have at most; training goes beyond it
NOMINAL = replace(DISTURBED, latency_high_s=LATENCY_S + MORE_DELAY_S)
RANDOMISED = replace(NOMINAL, **dict.fromkeys(VARIED, 0.2))
# For both Crazyflies: the first a little later than the delay to be survived, as the edge of what was met is flown worst;
# the other, which has less thrust to recover with, twice as often, and less late.
WIDE = replace(NOMINAL, latency_high_s=LATENCY_S + MORE_DELAY_S + 0.01, battery=0.06, **dict.fromkeys(VARIED, 0.1))
WIDE_OTHER = replace(WIDE, latency_high_s=0.02)
SETTLE_S, SETTLED_M, SETTLED_UP = 3.0, 0.3, 0.87  # thrown drones: by then, nearer than this, tilted by less than 30 deg


class Learner(Protocol):
    """What trains: a trainer of this folder."""

    layers: tuple[int, ...]
    steps: int  # decisions of all drones
    updates: int

    @property
    def weights(self) -> np.ndarray: ...

    def iterate(self) -> float: ...


@dataclass(frozen=True)
class Check:
    """One look at the policy while it trains."""

    iteration: int
    seconds: float
    steps: int
    survival: float
    position_error_m: float | None
    action_change: float | None
    weights: np.ndarray

    @property
    def score(self) -> float:
        """Higher is better: what crashes is worth nothing, what strays little."""
        return self.survival - (1.0 if self.position_error_m is None else self.position_error_m)


def iterations_for(config: FlightTrainConfig) -> int:
    """How many times the learner iterates."""
    if config.algorithm == "ppo":
        from robot.flight.ppo import PpoRecipe

        usual = PpoRecipe().iterations
    elif config.algorithm == "td3":
        from robot.flight.td3 import Td3Recipe

        usual = Td3Recipe().iterations
    elif config.both:
        usual = 1500
    elif config.start == "thrown" or config.task != "hover":
        usual = 600
    else:
        usual = 300 if config.randomise else 200
    return max(1, round(usual * config.effort))


def recipe_for(config: FlightTrainConfig) -> Recipe:
    """How the gradient trainer trains."""
    spread = WIDE if config.both else RANDOMISED if config.randomise else NOMINAL
    recipe = Recipe(iterations=iterations_for(config), history=config.past_actions, spread=spread,
                    spread_of_others=WIDE_OTHER if config.both else None)  # fmt: skip
    if config.start == "thrown":
        return replace(recipe, objective=Objective(wall_m=3.0, crash_m=2.0 * recover.BOX_M), box_m=recover.BOX_M)
    if config.task == "track_trajectory":
        return replace(recipe, objective=Objective(attitude=0.5, position_knee_m=0.01), decisions_max=600)
    return recipe


def quadrotors_for(config: FlightTrainConfig) -> list[QuadrotorParameters]:
    """The quadrotors to train with; the first is the one to judge by."""
    own = load_parameters(config.quadrotor)
    others = [load_parameters(name) for name in BOTH if name != config.quadrotor]
    return [own, *others * OTHER_SHARE] if config.both else [own]


def task_for(config: FlightTrainConfig) -> Any:
    """The task's module."""
    return recover if config.start == "thrown" else task_module(config.task)


def learner_for(config: FlightTrainConfig) -> Learner:
    """The trainer that is asked for."""
    task, quadrotors = task_for(config), quadrotors_for(config)
    if config.algorithm == "gradient":
        return FirstOrder(task, quadrotors, task.STARTS, SensorNoise(), config.seed, recipe_for(config))
    if config.algorithm == "ppo":
        from robot.flight.ppo import Ppo

        return Ppo(task, quadrotors, task.STARTS, SensorNoise(), config.seed)
    from robot.flight.td3 import Td3

    return Td3(task, quadrotors, task.STARTS, SensorNoise(), config.seed)


def train(
    config: FlightTrainConfig, progress: Callable[[Check], None] | None = None, root: Path = Path("runs")
) -> dict[str, Any]:
    """Train, judge and save a policy; the figures of the verb's last line.

    Ctrl-C ends the training; the figures then have `interrupted`. Before the first check it raises KeyboardInterrupt.
    """
    task = task_for(config)
    conditions = Conditions(load_parameters(config.quadrotor), DISTURBED, task.STARTS)
    compile_s = warm_up(config, task, conditions)

    began = time.perf_counter()
    learner = learner_for(config)
    iterations, checks, interrupted = iterations_for(config), [], False
    due = {round(iterations * (k + 1) / CHECKS) for k in range(CHECKS)}
    try:
        for iteration in range(1, iterations + 1):
            learner.iterate()
            if iteration in due:
                weights = learner.weights
                found = evaluate(Network(weights, learner.layers, task), conditions, 0, CHECK_FLIGHTS, task)
                figures = found.figures()
                checks.append(Check(iteration, time.perf_counter() - began, learner.steps, found.survival,
                                    figures["position_error_m"], figures["action_change"], weights))  # fmt: skip
                if progress is not None:
                    progress(checks[-1])
    except KeyboardInterrupt:
        if not checks:
            raise
        interrupted = True
    best = max(checks, key=lambda check: check.score)
    wall_s = time.perf_counter() - began

    folder = new_run_folder(root, config.task, "train")
    result: dict[str, Any] = {
        "run": str(folder), "wall_s": wall_s, "compile_s": compile_s, "env_steps": learner.steps,
        "updates": learner.updates,
    }  # fmt: skip
    result |= judged(best.weights, learner.layers, task, conditions)
    if config.task == "track_trajectory":
        result |= track(Network(best.weights, learner.layers, task), conditions, JUDGED_SEED, folder)
    if config.start == "thrown":
        result["settled"] = settled(best.weights, learner.layers, conditions)
    if interrupted:
        result["interrupted"] = True
    save_config(folder, config)
    save_policy(folder / "policy.npz", best.weights, learner.layers, config.task, 1.0 / STEP_S,
                trained={**asdict(config), **result, "run": folder.name})  # fmt: skip
    write_bytes_atomically(folder / "metrics.csv", [metrics(checks).encode()])
    write_bytes_atomically(folder / "flights.png", [picture(checks, best)])
    return result


def warm_up(config: FlightTrainConfig, task: Any, conditions: Conditions) -> float:
    """Compile, or load, every kernel; the seconds that it took."""
    began = time.perf_counter()
    learner = learner_for(replace(config, effort=1e-9))
    learner.iterate()
    evaluate(Network(learner.weights, learner.layers, task), conditions, 0, 16, task)
    return time.perf_counter() - began


def judged(weights: np.ndarray, layers: tuple[int, ...], task: Any, conditions: Conditions) -> dict[str, Any]:
    """The figures of flights with the nominal drone, and the survival of drones that differ from it."""
    pilot = Network(weights, layers, task)
    nominal = evaluate(pilot, conditions, JUDGED_SEED, JUDGED_FLIGHTS, task).figures()
    spread = replace(conditions.randomisation, **dict.fromkeys(VARIED, JUDGED_SPREAD))
    other = evaluate(pilot, replace(conditions, randomisation=spread), JUDGED_SEED, JUDGED_FLIGHTS, task)
    return {
        "survival": nominal["survival"],
        "position_error_m": nominal["position_error_m"],
        "action_change": nominal["action_change"],
        "survival_randomised": other.survival,
    }


def settled(weights: np.ndarray, layers: tuple[int, ...], conditions: Conditions) -> float:
    """Share of thrown drones that after SETTLE_S are near the goal and upright, and stay so."""
    flights = evaluate(Network(weights, layers), conditions, JUDGED_SEED, JUDGED_FLIGHTS, recover, keep=JUDGED_FLIGHTS)
    states = flights.states[round(SETTLE_S / STEP_S) :]
    near = np.linalg.norm(states[:, :, :3], axis=2) < SETTLED_M
    up = 1.0 - 2.0 * (states[:, :, Q_X] ** 2 + states[:, :, Q_Y] ** 2) > SETTLED_UP
    return float((flights.survived & (near & up).all(axis=0)).mean())


def metrics(checks: list[Check]) -> str:
    """One row a check."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["iteration", "seconds", "env_steps", "survival", "position_error_m", "action_change"])
    for check in checks:
        table.writerow([check.iteration, f"{check.seconds:.3f}", check.steps, check.survival,
                        check.position_error_m, check.action_change])  # fmt: skip
    return text.getvalue()


def picture(checks: list[Check], best: Check) -> bytes:
    """Survival and position error over the seconds of training, as PNG; the policy that was kept is marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    errors = axes.twinx()
    seconds = [check.seconds for check in checks]
    axes.plot(seconds, [100.0 * check.survival for check in checks], "o-", color="tab:blue")
    errors.semilogy(seconds, [np.nan if c.position_error_m is None else 100.0 * c.position_error_m for c in checks],
                    "o-", color="tab:orange")  # fmt: skip
    axes.axvline(best.seconds, color="tab:green", ls="--", label="kept")
    axes.set(xlabel="seconds of training", title="Flights in the simulator while training")
    axes.set_ylabel("flights to the end, %", color="tab:blue")
    errors.set_ylabel("position error of those, cm", color="tab:orange")
    axes.legend(loc="center right")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()
