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

from policies.array_file import try_writing, write_bytes_atomically
from policies.policy_file import save_policy
from robot.robots.quadrotor.evaluation.evaluation import DISTURBED, Conditions, Network, evaluate
from robot.robots.quadrotor.evaluation.judgement import MORE_DELAY_S, VARIED, Figures
from robot.robots.quadrotor.evaluation.tracking import track, tracking_figures
from robot.robots.quadrotor.training.first_order import FirstOrder, Recipe
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.robots.quadrotor.training.window import Objective
from robot.runtime.run_folder import new_run_folder, save_config
from robot.tasks import recover, task_module
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.model import FLEET, Q_X, Q_Y, STEP_S, QuadrotorParameters, load_parameters, quadrotors_named

TWICE = ("crazyflie_2_1", "crazyflie_2_1_plus")  # of a fleet: those with little thrust to recover with
CHECKS, CHECK_FLIGHTS = 8, 256
JUDGED_SEED, JUDGED_FLIGHTS = 1_000_003, 1000  # fresh starts and drones, which no check has seen
JUDGED = ("survival", "position_error_m", "action_change")
JUDGED_SPREAD = 0.2  # of VARIED, in survival_randomised

LATENCY_S = 0.01  # from sensing to motors, that a drone is expected to have at most; training goes beyond it
NOMINAL = replace(DISTURBED, latency_high_s=LATENCY_S + MORE_DELAY_S)
RANDOMISED = replace(NOMINAL, **dict.fromkeys(VARIED, 0.2))
# For several quadrotors: the first a little later than the delay to be survived, as the edge of what was met is flown
# worst; the others, which have less thrust to recover with, less late.
FLEET_SPREAD = 0.05  # of VARIED
# What estimators make of a positioning system (drivers/emulators/crazyflie_vices.toml), and rotors that differ by 3 %.
ESTIMATE = SensorNoise(position_m=0.003, rotation=0.004, velocity_m_s=0.02, rate_rad_s=0.01)
TORQUE_SHARE_M = 5e-4
FIRST_LATENCY_S, OTHERS_LATENCY_S = LATENCY_S + MORE_DELAY_S + 0.005, 0.02
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
    figures: Figures  # JUDGED, means over the airframes
    weights: np.ndarray

    @property
    def score(self) -> float:
        """Higher is better: what crashes is worth nothing, what strays little."""
        error_m = self.figures["position_error_m"]
        return (self.figures["survival"] or 0.0) - (1.0 if error_m is None else error_m)


def iterations_for(config: FlightTrainConfig) -> int:
    """How many times the learner iterates."""
    if config.algorithm == "ppo":
        from robot.robots.quadrotor.training.ppo import PpoRecipe

        usual = PpoRecipe().iterations
    elif config.algorithm == "td3":
        from robot.robots.quadrotor.training.td3 import Td3Recipe

        usual = Td3Recipe().iterations
    elif config.quadrotor == FLEET:
        usual = 1500 if config.task == "hover" else 1200
    elif config.start == "thrown" or config.task != "hover":
        usual = 600
    else:
        usual = 300 if config.randomise else 200
    return max(1, round(usual * config.effort))


def recipe_for(config: FlightTrainConfig) -> Recipe:
    """How the gradient trainer trains."""
    recipe = Recipe(iterations=iterations_for(config), history=config.past_actions,
                    spread=RANDOMISED if config.randomise else NOMINAL)  # fmt: skip
    if config.quadrotor == FLEET:
        varied = replace(
            NOMINAL,
            battery=0.06,
            torque_share_m=TORQUE_SHARE_M,
            **dict.fromkeys(VARIED, FLEET_SPREAD if config.randomise else 0.0),
        )
        recipe = replace(recipe, spread=replace(varied, latency_high_s=FIRST_LATENCY_S),
                         spread_of_others=replace(varied, latency_high_s=OTHERS_LATENCY_S))  # fmt: skip
    if config.start == "thrown":
        return replace(recipe, objective=Objective(wall_m=3.0, crash_m=2.0 * recover.BOX_M), box_m=recover.BOX_M)
    if config.task == "track_trajectory":
        return replace(recipe, objective=Objective(attitude=0.5, position_knee_m=0.01), decisions_max=600)
    return recipe


def quadrotors_for(config: FlightTrainConfig) -> list[QuadrotorParameters]:
    """The quadrotors to train with, some of them twice; the first is hovered with at first."""
    names = quadrotors_named(config.quadrotor)
    return [load_parameters(name) for name in (*names, *(name for name in TWICE if len(names) > 1))]


def task_for(config: FlightTrainConfig) -> Any:
    """The task's module."""
    return recover if config.start == "thrown" else task_module(config.task)


def learner_for(config: FlightTrainConfig) -> Learner:
    """The trainer that is asked for."""
    task, quadrotors = task_for(config), quadrotors_for(config)
    if config.algorithm == "gradient":
        noise = ESTIMATE if config.quadrotor == FLEET else SensorNoise()
        return FirstOrder(task, quadrotors, task.STARTS, noise, config.seed, recipe_for(config))
    if config.algorithm == "ppo":
        from robot.robots.quadrotor.training.ppo import Ppo

        return Ppo(task, quadrotors, task.STARTS, SensorNoise(), config.seed)
    from robot.robots.quadrotor.training.td3 import Td3

    return Td3(task, quadrotors, task.STARTS, SensorNoise(), config.seed)


def train(
    config: FlightTrainConfig, progress: Callable[[Check], None] | None = None, root: Path = Path("runs")
) -> dict[str, Any]:
    """Train, judge and save a policy; the figures of the verb's last line.

    Ctrl-C ends the training; the figures then have `interrupted`. Before the first check it raises KeyboardInterrupt.
    """
    task = task_for(config)
    airframes = {
        name: Conditions(load_parameters(name), DISTURBED, task.STARTS) for name in quadrotors_named(config.quadrotor)
    }
    first = next(iter(airframes.values()))
    try_writing(root / config.task)
    compile_s = warm_up(config, task, first)

    began = time.perf_counter()
    learner = learner_for(config)
    iterations, checks, interrupted = iterations_for(config), [], False
    due = {round(iterations * (k + 1) / CHECKS) for k in range(CHECKS)}
    try:
        for iteration in range(1, iterations + 1):
            learner.iterate()
            if iteration in due:
                weights = learner.weights
                found = flown(Network(weights, learner.layers, task), airframes, 0, CHECK_FLIGHTS, task)
                checks.append(Check(iteration, time.perf_counter() - began, learner.steps, mean_of(found), weights))
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
    result |= judged(best.weights, learner.layers, task, airframes)
    if config.task == "track_trajectory":
        pilot = Network(best.weights, learner.layers, task)
        result |= track(pilot, first, JUDGED_SEED, folder)
        for name, conditions in airframes.items():
            result["airframes"][name] |= tracking_figures({"policy": pilot}, conditions, JUDGED_SEED)
    if config.start == "thrown":
        result["settled"] = min(settled(best.weights, learner.layers, conditions) for conditions in airframes.values())
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


def flown(pilot: Network, airframes: dict[str, Conditions], seed: int, flights: int, task: Any) -> dict[str, Figures]:
    """Survival, position error and action change of each airframe."""
    found = {name: evaluate(pilot, under, seed, flights, task).figures() for name, under in airframes.items()}
    return {name: {field: figures[field] for field in JUDGED} for name, figures in found.items()}


def mean_of(airframes: dict[str, Figures]) -> Figures:
    """Of each figure the mean over the airframes that have it; None if none has."""
    columns = {field: [value for f in airframes.values() if (value := f[field]) is not None] for field in JUDGED}
    return {field: float(np.mean(values)) if values else None for field, values in columns.items()}


def judged(weights: np.ndarray, layers: tuple[int, ...], task: Any, airframes: dict[str, Conditions]) -> dict[str, Any]:
    """The figures of flights, as means over the airframes and for each of them, and the survival of drones that differ."""
    pilot = Network(weights, layers, task)
    nominal = flown(pilot, airframes, JUDGED_SEED, JUDGED_FLIGHTS, task)
    spread = dict.fromkeys(VARIED, JUDGED_SPREAD)
    varied = {
        name: replace(under, randomisation=replace(under.randomisation, **spread)) for name, under in airframes.items()
    }
    others = mean_of(flown(pilot, varied, JUDGED_SEED, JUDGED_FLIGHTS, task))
    return {**mean_of(nominal), "survival_randomised": others["survival"], "airframes": nominal}


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
    table.writerow(["iteration", "seconds", "env_steps", *JUDGED])
    for check in checks:
        table.writerow(
            [check.iteration, f"{check.seconds:.3f}", check.steps, *(check.figures[name] for name in JUDGED)]
        )
    return text.getvalue()


def picture(checks: list[Check], best: Check) -> bytes:
    """Survival and position error over the seconds of training, as PNG; the policy that was kept is marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    errors = axes.twinx()
    seconds = [check.seconds for check in checks]
    axes.plot(seconds, [100.0 * (check.figures["survival"] or 0.0) for check in checks], "o-", color="tab:blue")
    errors_m = [check.figures["position_error_m"] for check in checks]
    errors.semilogy(seconds, [np.nan if e is None else 100.0 * e for e in errors_m], "o-", color="tab:orange")
    axes.axvline(best.seconds, color="tab:green", ls="--", label="kept")
    axes.set(xlabel="seconds of training", title="Flights in the simulator while training")
    axes.set_ylabel("flights to the end, %", color="tab:blue")
    errors.set_ylabel("position error of those, cm", color="tab:orange")
    axes.legend(loc="center right")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()
