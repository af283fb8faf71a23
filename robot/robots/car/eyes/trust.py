"""By how much of what a camera's encoder tells of the free way one may go: measured on courses and looks that it has not learned."""

from collections.abc import Sequence

import numpy as np

from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import SeeingDriver
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, LAYERS, WIDTH
from robot.robots.car.eyes.sight import MARGIN_M, held_back
from sim.camera.looks import draw_looks
from sim.car import kernel
from sim.tracks.track import Course

LOOKS, LOOKS_SEED = 96, 3_000_000  # no training's, and not those that drivers are judged by
CARS, DECISIONS = 48, 120
TOO_FAR = 0.05  # share of what is told that may be too far
TOLD_MIN_M = 0.3  # less is not worth dividing by
TRUST_MOST = 1.5


def told_and_true(
    encoder: bytes, weights: np.ndarray, courses: Sequence[Course], seed: int, looks_seed: int = LOOKS_SEED
) -> tuple[np.ndarray, np.ndarray]:
    """What is told to be free, and what is, (decisions, CARS, paths) m, of cars that drive behind the brake that goes by it."""
    looks = draw_looks(LOOKS, looks_seed + seed, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    fleet = SeeingFleet(courses, CARS, looks_seed + seed, looks, decisions_max=DECISIONS)
    driver = SeeingDriver(encoder, weights, CARS, layers=LAYERS)
    told, true = [], []
    for _ in range(DECISIONS):
        actions = driver.act(fleet)
        told.append(driver.free_m)
        true.append(fleet.free_m())
        fleet.step(held_back(actions, driver.free_m, fleet.batch.row(kernel.V_X)))
    return np.stack(told), np.stack(true)


def trust_in(told_m: np.ndarray, true_m: np.ndarray) -> float:
    """The share of what is told that is too far in TOO_FAR of the cases; no more than TRUST_MOST, however careful it is."""
    some = told_m > TOLD_MIN_M
    if not some.any():
        return 1.0
    return min(TRUST_MOST, float(np.quantile((true_m[some] + MARGIN_M) / told_m[some], TOO_FAR)))
