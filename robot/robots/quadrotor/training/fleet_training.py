"""A training of one policy for a whole fleet of quadrotors: begun, judged by distributions and by name, told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import Conditions, Pilot
from robot.robots.quadrotor.evaluation.fleet_flights import disturbed, fly_fleet, fly_named
from robot.robots.quadrotor.evaluation.judgement import Figures
from robot.robots.quadrotor.evaluation.long_flights import fly_long, in_words
from robot.robots.quadrotor.evaluation.recurrent_pilot import pilot_of
from robot.robots.quadrotor.evaluation.tracking import tracking_figures
from robot.robots.quadrotor.training.any_quadrotor import OBJECTIVE, AnyQuadrotor, Recipe
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.tasks import hover, task_module, track_trajectory
from robot.training.trainer import Look
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.fleets import ESTIMATE, load_fleet
from sim.quadrotor.model import QUADROTORS, load_parameters

JUDGED_SEED, JUDGED_FLIGHTS, NAMED_FLIGHTS, CHECK_FLIGHTS = 1_000_003, 1000, 250, 512
LONG_FLIGHTS, LONG_NAMED_FLIGHTS = 256, 14  # of a minute, with drawn quadrotors and with each by name
LAST_FOR = 1 / 6  # share of the iterations that the last stage takes, beside them
NEAR_M = 0.02  # nearer than this, who strays less is no better: those who survive are counted
PUBLISHED = "published"  # the distribution that policies are judged by
DISTRIBUTIONS = {"survival_late": "late", "survival_beyond": "beyond", "survival_randomised": "wider"}
FLOWN = "flown"  # ... and this one with the noise of estimators


def learner_for(config: FlightTrainConfig) -> AnyQuadrotor:
    """The learner of the fleet that is asked for. Raises ValueError for an unknown one."""
    task = task_module(config.task)
    return AnyQuadrotor(task, load_fleet(config.fleet), task.STARTS, config.seed, recipe_for(config), config.told)


def recipe_for(config: FlightTrainConfig) -> Recipe:
    """How it trains."""
    recipe = Recipe(max(1, round(Recipe.iterations * config.effort)))
    if config.task == "track_trajectory":
        return replace(recipe, objective=OBJECTIVE._replace(attitude=0.5, position_knee_m=0.01), near=0.0,
                       decisions_max=600)  # fmt: skip
    return recipe if config.told else replace(recipe, last_for=LAST_FOR)  # who is told does not rock


def warm_up(config: FlightTrainConfig) -> None:
    """Compile, or load, every kernel. Raises ValueError as `learner_for`."""
    learner = learner_for(config)
    learner.iterate()
    fly_fleet(pilot_of(learner.weights, learner.layers, learner.task), load_fleet(PUBLISHED), 0, 16, task=learner.task)


def look(weights: np.ndarray, learner: AnyQuadrotor) -> Look:
    """What a policy is found to be worth while it trains."""
    pilot = pilot_of(weights, learner.layers, learner.task)
    found = fly_fleet(pilot, load_fleet(PUBLISHED), 0, CHECK_FLIGHTS, task=learner.task).figures()
    survival, error_m = found["survival"] or 0.0, found["error_median_m"]
    error = "" if error_m is None else f", {100 * error_m:5.1f} cm off"
    score = (1.0 if error_m is None else max(NEAR_M, error_m)) - survival
    score += 1.0 if learner.recipe.last_for else 0.0  # who has yet to learn to hover for long is no match for who has
    steps, early = (learner.steps, "") if learner.early is None else (learner.steps + learner.early.steps, ", early")
    return Look(score, {"env_steps": steps, **found}, f"{100 * survival:5.1f} % of flights{error}{early}")


def judged(learner: AnyQuadrotor, weights: np.ndarray, folder: Path) -> dict[str, Any]:
    """The figures of fresh flights: over the published distribution, over others, and with each quadrotor by name."""
    task = learner.task
    pilot = pilot_of(weights, learner.layers, task)

    def fly(name: str, noise: SensorNoise = SensorNoise()) -> Figures:
        return fly_fleet(pilot, load_fleet(name), JUDGED_SEED, JUDGED_FLIGHTS, noise, task).figures()

    flown = fly(FLOWN, ESTIMATE)
    named = {
        name: fly_named(pilot, load_parameters(name), JUDGED_SEED, NAMED_FLIGHTS, task).figures() for name in QUADROTORS
    }
    if task is track_trajectory:
        for name, figures in named.items():
            figures |= tracking_figures(
                {"policy": pilot}, Conditions(load_parameters(name), starts=task.STARTS), JUDGED_SEED
            )
    return {
        "env_steps": learner.steps, "updates": learner.updates, "parameters": len(weights), **fly(PUBLISHED),
        **{figure: fly(name)["survival"] for figure, name in DISTRIBUTIONS.items()},
        "survival_flown": flown["survival"], "error_median_flown_m": flown["error_median_m"],
        "survival_named": {name: figures["survival"] for name, figures in named.items()},
        "error_named_m": {name: figures["error_median_m"] for name, figures in named.items()},
        **(hovering_on(pilot) if task is hover else {}),
        "airframes": named,
    }  # fmt: skip


def hovering_on(pilot: Pilot) -> dict[str, Any]:
    """The figures of flights of a minute, over the published distribution and with each quadrotor by name."""
    drawn = load_fleet(PUBLISHED).draw(LONG_FLIGHTS, np.random.default_rng([JUDGED_SEED, 0x10A6])).parameters
    flights = LONG_NAMED_FLIGHTS
    each = [disturbed(load_parameters(name), JUDGED_SEED, flights) for name in QUADROTORS]
    by_name = fly_long(pilot, np.concatenate(each), JUDGED_SEED)
    return fly_long(pilot, drawn, JUDGED_SEED).figures() | {
        "rates_after_30_s_named_deg_s": {
            name: by_name.take(slice(k * flights, (k + 1) * flights)).figures()["rates_after_30_s_deg_s"]
            for k, name in enumerate(QUADROTORS)
        }
    }


def lines(figures: dict[str, Any]) -> list[str]:
    """The figures for a person."""

    def told(found: Figures) -> str:
        error_m = found["error_median_m"]
        off = "" if error_m is None else f", {100 * error_m:.2f} cm off (median)"
        return f"{100 * (found['survival'] or 0.0):5.1f} % of flights within 1 m{off}"

    return [
        f"parameters         {figures['parameters']}",
        f"drawn quadrotors   {told(figures)}, {100 * figures['survival_in_task_box']:.1f} % within 0.6 m",
        f"0 to 20 ms late    {100 * figures['survival_late']:5.1f} %",
        f"wider              {100 * figures['survival_randomised']:5.1f} %",
        f"as they are flown  {100 * figures['survival_flown']:5.1f} %",
        f"beyond             {100 * figures['survival_beyond']:5.1f} %",
        *([f"for a minute       {in_words(figures)}"] if "survival_60_s" in figures else []),
        *(f"  {name:24s} {told(found)}" for name, found in figures["airframes"].items()),
    ]
