"""A training of a policy that flies, as the options ask: begun, judged, told."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import DISTURBED, Conditions, Network, evaluate
from robot.robots.quadrotor.evaluation.judgement import VARIED, Figures
from robot.robots.quadrotor.evaluation.tracking import track, tracking_figures
from robot.robots.quadrotor.training import fleet_training
from robot.robots.quadrotor.training.recipes import iterations_for, learner_for, task_for
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.tasks import recover
from robot.training.trainer import Look, Training
from sim.quadrotor.model import Q_X, Q_Y, STEP_S, load_parameters, quadrotors_named

CHECKS_MIN, CHECKS_MAX, CHECK_EVERY = 3, 8, 100  # looks, and iterations between them: a look takes as long as 15
CHECK_FLIGHTS = 256
JUDGED_SEED, JUDGED_FLIGHTS = 1_000_003, 1000  # fresh starts and drones, which no check has seen
JUDGED = ("survival", "position_error_m", "action_change")
JUDGED_SPREAD = 0.2  # of VARIED, in survival_randomised
SETTLE_S, SETTLED_M, SETTLED_UP = 3.0, 0.3, 0.87  # thrown drones: by then, nearer than this, tilted by less than 30 deg


def begin(config: FlightTrainConfig) -> Training:
    """A training of the learner that is asked for. Raises ValueError for an unknown quadrotor, or too few past actions."""
    if config.fleet:
        return begin_fleet(config)
    task, airframes, learner, iterations = (
        task_for(config),
        airframes_for(config),
        learner_for(config),
        iterations_for(config),
    )

    def look(weights: np.ndarray) -> Look:
        found = mean_of(flown(Network(weights, learner.layers, task), airframes, 0, CHECK_FLIGHTS, task))
        survival, error_m = found["survival"] or 0.0, found["position_error_m"]
        error = "" if error_m is None else f", {100 * error_m:5.1f} cm off"
        score = (1.0 if error_m is None else error_m) - survival  # what crashes is worth nothing, what strays little
        return Look(score, {"env_steps": learner.steps, **found}, f"{100 * survival:5.1f} % of flights{error}")

    def figures(weights: np.ndarray, folder: Path) -> dict[str, Any]:
        found: dict[str, Any] = {"env_steps": learner.steps, "updates": learner.updates}
        found |= judged(weights, learner.layers, task, airframes)
        if config.task == "track_trajectory":
            pilot = Network(weights, learner.layers, task)
            found |= track(pilot, next(iter(airframes.values())), JUDGED_SEED, folder)
            for name, conditions in airframes.items():
                found["airframes"][name] |= tracking_figures({"policy": pilot}, conditions, JUDGED_SEED)
        if config.start == "thrown":
            found["settled"] = min(settled(weights, learner.layers, conditions) for conditions in airframes.values())
        return found

    return Training(learner, iterations, due(iterations), look, figures)


def begin_fleet(config: FlightTrainConfig) -> Training:
    """A training of one policy for a fleet."""
    learner = fleet_training.learner_for(config)
    recipe = learner.recipe
    look, judged = partial(fleet_training.look, learner=learner), partial(fleet_training.judged, learner)
    when = due(recipe.iterations) | {recipe.early_iteration, recipe.all_iterations} - {0}
    return Training(learner, recipe.all_iterations, when, look, judged)


def due(iterations: int) -> set[int]:
    """After which iterations a policy is looked at."""
    checks = min(CHECKS_MAX, max(CHECKS_MIN, iterations // CHECK_EVERY))
    return {round(iterations * (k + 1) / checks) for k in range(checks)} - {0}


def airframes_for(config: FlightTrainConfig) -> dict[str, Conditions]:
    """What each quadrotor that it trains for is judged under."""
    starts = task_for(config).STARTS
    return {name: Conditions(load_parameters(name), DISTURBED, starts) for name in quadrotors_named(config.quadrotor)}


def warm_up(config: FlightTrainConfig) -> None:
    """Find what `begin` would raise; then compile, or load, every kernel."""
    if config.fleet:
        fleet_training.warm_up(config)
        return
    first = next(iter(airframes_for(config).values()))
    learner = learner_for(replace(config, effort=1e-9))
    learner.iterate()
    task = task_for(config)
    evaluate(Network(learner.weights, learner.layers, task), first, 0, 16, task)


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


def lines(figures: dict[str, Any]) -> list[str]:
    """The figures for a person."""
    if "survival_named" in figures:
        return fleet_training.lines(figures)

    def off(field: str) -> str:
        return "every flight lost" if figures[field] is None else f"{100 * figures[field]:5.2f} cm"

    error_m = figures["position_error_m"]
    more = (
        "" if error_m is None else f", {100 * error_m:.1f} cm off, action change {figures['action_change']:.4f} a step"
    )
    told = [f"nominal drones     {100 * figures['survival']:.1f} % of flights{more}"]
    if len(figures["airframes"]) > 1:
        for name, found in figures["airframes"].items():
            more = "" if found["position_error_m"] is None else f", {100 * found['position_error_m']:.1f} cm off"
            told.append(f"  {name:24s} {100 * found['survival']:.1f} % of flights{more}")
    told.append(f"drones +-20 %      {100 * figures['survival_randomised']:.1f} % of flights")
    if "settled" in figures:
        told.append(f"thrown, after 3 s  {100 * figures['settled']:.1f} % settled")
    for field in figures:
        if field.startswith("position_error_") and field.endswith("_s_m"):
            lap_s = field.removeprefix("position_error_").removesuffix("_s_m").replace("_", ".")
            told.append(
                f"eight in {lap_s} s     {off(field)} off; PID {off('pid_' + field)}, LQR {off('lqr_' + field)}"
            )
    return told
