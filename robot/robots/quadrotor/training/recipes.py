"""From options to the trainer that they ask for, and how it trains."""

from dataclasses import replace
from typing import Any, Protocol

from robot.robots.quadrotor.evaluation.evaluation import DISTURBED
from robot.robots.quadrotor.evaluation.judgement import MORE_DELAY_S, VARIED
from robot.robots.quadrotor.training.decision import Objective
from robot.robots.quadrotor.training.first_order import FirstOrder, Recipe
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.tasks import recover, task_module
from robot.training.trainer import Learner
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.fleets import ESTIMATE
from sim.quadrotor.model import FLEET, QuadrotorParameters, load_parameters, quadrotors_named

TWICE = ("crazyflie_2_1", "crazyflie_2_1_plus")  # of a fleet: those with little thrust to recover with
LATENCY_S = 0.01  # from sensing to motors, that a drone is expected to have at most; training goes beyond it
NOMINAL = replace(DISTURBED, latency_high_s=LATENCY_S + MORE_DELAY_S)
RANDOMISED = replace(NOMINAL, **dict.fromkeys(VARIED, 0.2))
# For several quadrotors: the first a little later than the delay to be survived, as the edge of what was met is flown
# worst; the others, which have less thrust to recover with, less late.
FLEET_SPREAD = 0.05  # of VARIED
TORQUE_SHARE_M = 5e-4  # rotors that differ by 3 %
FIRST_LATENCY_S, OTHERS_LATENCY_S = LATENCY_S + MORE_DELAY_S + 0.005, 0.02


class FlightLearner(Learner, Protocol):
    """A trainer of this folder. steps: decisions of all drones."""

    steps: int
    updates: int


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
        usual = 350 if config.randomise else 300
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
    elif config.task == "hover" and config.start == "near":
        recipe = replace(recipe, drones=64, last_share=0.02)  # as good as twice as many, in two thirds of the time
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


def learner_for(config: FlightTrainConfig) -> FlightLearner:
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
