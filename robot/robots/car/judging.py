"""How a policy that drives a car does: laps in the simulator under conditions that it did not choose, or on devices."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from policies.actor import HIDDEN
from policies.policy_file import load_policy
from robot.evaluation.judge import Scores, Verdict
from robot.practice.best_policy import describe
from robot.practice.settings import SHIPPED, load_config
from robot.robots.car.drives import evaluate
from robot.robots.car.judge import CarEvaluateConfig
from robot.robots.car.options import BY_CAMERA, CarOptions
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.car.training.pretraining import LAYERS
from robot.robots.car.training.trials import conditions
from robot.robots.car.world import load_world
from robot.tasks.race_track import by_camera
from robot.tasks.race_track.laps import EstimateNoise, Laps, judge, pack_courses
from robot.tasks.race_track.task import DECISION_S, OBSERVATION_SIZE
from robot.views.say import say
from sim.car.model import CarParameters, hidden_car, load_parameters
from sim.car.yardstick import lookup_or_compute
from sim.tracks.track import Course

SLOWEST_M_S = 2.5  # whoever is slower does not get to all of the laps


def of_run(config: CarEvaluateConfig) -> CarEvaluateConfig:
    """With the track and the hidden car of the run, where no other ones are asked for."""
    if not (Path(config.run) / "setup-1.npz").is_file() or config.track != "default" or config.map:
        return config
    earlier = load_config(Path(config.run), CarOptions)
    whose = earlier if config.hidden_seed is None else config
    return replace(config, track=earlier.track, map=earlier.map, loop=config.loop or earlier.loop,
                   start=(config.start or earlier.start) if config.robot else None, hidden_seed=whose.hidden_seed,
                   hidden_tyres=whose.hidden_tyres)  # fmt: skip


def policy_file(config: CarEvaluateConfig, path: Path) -> Path:
    """The policy to drive with. Raises ValueError if there is none."""
    if config.run == SHIPPED:
        return SHIPPED_POLICY
    if not path.is_file():
        raise ValueError(f"RUN: found no {path}, allowed: {SHIPPED}, a run's folder or a policy file")
    return path


def on_devices(config: CarEvaluateConfig, path: Path) -> Verdict:
    """Laps on the robot, or its virtual twin."""
    path, config = policy_file(config, path), of_run(config)
    say(f"policy   {describe(path)}")
    wanted = CarOptions(
        robot=config.robot, track=config.track, map=config.map, loop=config.loop, start=config.start,
        start_from=str(path), clock=config.clock or "lockstep", minutes=10.0 + config.laps, seed=config.seed,
        hidden_seed=config.hidden_seed, hidden_tyres=config.hidden_tyres, predictive_brake=config.predictive_brake,
    )  # fmt: skip
    figures = evaluate(wanted, config.laps) | {"policy": str(path)}
    rows = [(f"lap {number}", (f"{lap_s:.3f}",)) for number, lap_s in enumerate(figures["lap_times_s"], 1)]
    return verdict(config, figures, [Scores(f"laps on {config.robot}, s", ("policy",), rows)])


def in_simulator(config: CarEvaluateConfig, path: Path, progress: Callable[[float], None]) -> Verdict:
    """Laps of several cars at once, of the policy and of the one that comes with the project."""
    began = time.perf_counter()
    path, config = policy_file(config, path), of_run(config)
    say(f"policy   {describe(path)}")
    policy = load_policy(path)
    if policy.metadata["task"] == BY_CAMERA:
        from robot.robots.car.eyes.judging import in_simulator as seen_in_simulator  # the renderer, onnxruntime

        return seen_in_simulator(config, path, load_policy(path, BY_CAMERA, by_camera.SPEC.observation_size), progress)
    load_policy(path, "race_track")
    if config.loop < 0 or (config.loop > 0 and not config.map):
        raise ValueError(f"--loop: found {config.loop}, allowed: 1 or more, with --map")
    drivers = {"policy": weights_of(path)}
    if path != SHIPPED_POLICY:
        drivers["shipped"] = weights_of(SHIPPED_POLICY)
    course, nominal = load_world(config.track, config.map, config.loop).course, load_parameters()
    cars = conditions(nominal)
    if config.hidden_seed is not None:
        cars = {
            f"hidden car {config.hidden_seed}": hidden_car(config.hidden_seed, apart=config.hidden_tyres == "apart"),
            **cars,
        }
    own = next(iter(cars.values()))
    yardstick_s = lookup_or_compute(course, own, progress=progress).lap_s
    driven = {name: drive(weights, course, list(cars.values()), config) for name, weights in drivers.items()}

    found = {car: {driver: told(laps, k, yardstick_s) for driver, laps in driven.items()} for k, car in enumerate(cars)}
    times = [round(float(lap_s), 3) for lap_s in driven["policy"].lap_s[0, : driven["policy"].laps[0]]]
    median_s = float(np.median(times)) if times else None
    figures: dict[str, Any] = {
        "run": str(path.parent), "failure": "", "laps": len(times), "clean_laps": len(times), "lap_times_s": times,
        "median_lap_s": round(median_s, 3) if median_s else None, "yardstick_lap_s": round(yardstick_s, 3),
        "median_ratio": round(median_s / yardstick_s, 4) if median_s else None,
        "collisions": int(driven["policy"].crashes[0]), "wall_s": round(time.perf_counter() - began, 1),
        "policy": str(path), "conditions": found,
    }  # fmt: skip
    rows = [(car, tuple(map(cell, by_driver.values()))) for car, by_driver in found.items()]
    title = f"{config.laps} laps of {course.name}, times the best possible one of {yardstick_s:.2f} s; crashes"
    return verdict(config, figures, [Scores(title, tuple(drivers), rows)])


def weights_of(path: Path) -> np.ndarray:
    """A policy's weights. Raises ValueError for one that does not drive as the car's do."""
    policy = load_policy(path, "race_track", OBSERVATION_SIZE)
    if policy.layers != LAYERS:
        raise ValueError(f"{path}: field layers is {policy.layers}, allowed: {LAYERS}")
    return policy.weights


def drive(weights: np.ndarray, course: Course, cars: list[CarParameters], config: CarEvaluateConfig) -> Laps:
    """The laps of each car, from a standing start."""
    seconds = (config.laps + 1) * course.length_m / SLOWEST_M_S
    errors = EstimateNoise().draw(round(seconds / DECISION_S), len(cars), np.random.default_rng([config.seed, 0x1DE]))
    parameters, first = np.array([car.packed() for car in cars]), np.zeros(len(cars), np.int64)
    return judge(weights, HIDDEN[0], pack_courses([course]), first, parameters, seconds, errors, config.laps)


def told(laps: Laps, car: int, yardstick_s: float) -> dict[str, float | int | None]:
    """One car's figures."""
    ratio = float(laps.median_s[car]) / yardstick_s
    return {"median_ratio": round(ratio, 4) if np.isfinite(ratio) else None, "laps": int(laps.laps[car]),
            "collisions": int(laps.crashes[car])}  # fmt: skip


def cell(figures: dict[str, Any]) -> str:
    """The same in a table."""
    pace = "no lap" if figures["median_ratio"] is None else f"{figures['median_ratio']:.3f}"
    return f"{pace}  {figures['collisions']:3d}"


def verdict(config: CarEvaluateConfig, figures: dict[str, Any], tables: list[Scores]) -> Verdict:
    """The figures of the first car, in words."""
    lines = [f"median {figures['median_lap_s']} s, {figures['median_ratio']} x the best possible lap, "
             f"{figures['collisions']} collisions in {figures['laps']} laps"]  # fmt: skip
    if figures["failure"]:
        lines.append(f"ended early: {figures['failure']}")
    return Verdict(figures, tables, figures["laps"] >= config.laps and not figures["failure"], lines)
