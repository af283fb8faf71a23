"""A driver that sees, taught the very course that it has seen: dataset aggregation in the simulator, its encoder as it is.

A driver who can drive anywhere is slower than need be where it drives. What walls its course has, its first laps have told (`rooms.py`),
about; what it looks like there is not known, but of many looks some are nearer to what it saw. There the teacher, told the truth, tells what
he would have done, as when the driver was trained (`distiller.py`), and the actor alone is fitted to that. The teacher is one for this course
and this car, who keeps off the walls by as much as his pupil is inexact.
"""

import math
from dataclasses import replace

import numpy as np

from policies.imitation import Imitation
from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import STARTS, embedder
from robot.robots.car.eyes.prior import mean_of
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, WIDTH, Memory
from robot.robots.car.eyes.sight import held_back
from robot.robots.car.training.pretraining import LAYERS as TEACHERS_LAYERS
from robot.robots.car.training.pretraining import ONWARD_RATE, RANDOMISED, pretrain
from robot.robots.car.training.trials import Trial
from robot.tasks.race_track.by_camera import EMBEDDING, SEEN_MAX_M
from robot.tasks.race_track.laps import EstimateNoise, pack_courses
from robot.tasks.race_track.task import ACTION_SIZE
from sim.camera.looks import Looks, draw_looks
from sim.car import kernel
from sim.car.model import CarParameters, Randomisation
from sim.tracks.track import Course, closed_course

LOOKS, LOOKS_SEED = 96, 4_000_000  # no training's, no judge's, no virtual car's
LIKE_HERE = 16  # of them
LOOKED_DECISIONS, RUN_IN = 70, 10
LEAST_SPREAD = 0.05  # of a number of an embedding, that counts
CARS, ITERATIONS, COLLECTED, UPDATES = 48, 60, 8, 20
TEACHERS_CARS = 6  # that he drives himself
RATE, RATE_AT_LAST, BATCH = 1e-3, 0.02, 512
AVERAGED, FIRST_AVERAGED = (
    0.8,
    20,
)  # of the average weights that stays at each iteration; from which one on there is an average
PUSH, PUSH_KEPT = np.array([0.15, 0.09], np.float32), 0.8  # as in training
SPREAD = Randomisation(grip=0.05, mass=0.0, delay_s=0.02, trim_rad=0.01, axle_grip=0.02)  # what is not known of the car
MARGIN_M = 0.2  # that the teacher keeps off the walls
TEACHERS_ITERATIONS, TRIAL_CARS, TRIAL_LAPS = 400, 8, 4
POINT_EVERY_M = 0.4
WIDER, ASIDE_M = (0.9, 1.0, 1.1), (-0.1, 0.0, 0.1)  # what is told of the walls is not better than that


def looks_like_here(embeddings: np.ndarray, course: Course, encoder: bytes, weights: np.ndarray,
                    layers: tuple[int, ...], seed: int) -> Looks:  # fmt: skip
    """The LIKE_HERE of LOOKS looks in which this course gives embeddings most like these (n, EMBEDDING), by mean and spread."""
    looks = draw_looks(LOOKS, LOOKS_SEED + seed, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    fleet = SeeingFleet([course], LOOKS, seed, looks, starts=STARTS, decisions_max=LOOKED_DECISIONS + 1)
    fleet.look[:] = np.arange(LOOKS)
    embed, memory, drives = embedder(encoder), Memory(LOOKS), np.ones(LOOKS, bool)
    seen, known = np.zeros((LOOKED_DECISIONS, LOOKS, EMBEDDING)), np.zeros((LOOKED_DECISIONS, LOOKS, 1), bool)
    for k in range(LOOKED_DECISIONS):
        now = embed(fleet.frames)
        seen[k], known[k, :, 0] = now[:, :EMBEDDING], drives & (k >= RUN_IN)
        fleet.step(np.tanh(mean_of(weights, layers, memory.with_now(now, fleet.observation, fleet.age))))
        drives &= fleet.end == 0
    count = known.sum(0)
    mean = (seen * known).sum(0) / np.maximum(1, count)
    spread = np.sqrt((np.square(seen - mean) * known).sum(0) / np.maximum(1, count))
    own = embeddings.std(0) + LEAST_SPREAD
    apart = np.square((mean - embeddings.mean(0)) / own) + np.square((spread - embeddings.std(0)) / own)
    apart[count[:, 0] <= RUN_IN] = np.inf  # who crashed at once tells nothing: they come last
    nearest = np.argsort(apart.sum(1), kind="stable")[:LIKE_HERE]
    return replace(looks, values=looks.values[nearest], colours=looks.colours[nearest], rays=looks.rays[nearest],
                   lenses=tuple(looks.lenses[k] for k in nearest))  # fmt: skip


def as_it_may_be(course: Course) -> list[Course]:
    """The course with its walls nearer, further, and to either side."""
    rows = np.arange(0, len(course.x), max(1, round(POINT_EVERY_M / course.spacing_m)))[:-1]
    aside = np.stack([-np.sin(course.heading[rows]), np.cos(course.heading[rows])], 1)
    at, left, right = np.stack([course.x[rows], course.y[rows]], 1), course.width_left[rows], course.width_right[rows]
    return [
        closed_course(course.name, at + off * aside, share * left, share * right) for share in WIDER for off in ASIDE_M
    ]


def teacher_here(course: Course, car: CarParameters, teacher: np.ndarray, seed: int) -> np.ndarray:
    """A policy that is told its place, better on this course with this car than it was; its weights as they were, if not."""
    trial = Trial(pack_courses([course]), np.zeros(TRIAL_CARS, np.int64), np.array([car.packed()] * TRIAL_CARS),
                  TRIAL_LAPS * course.length_m / 3.0, EstimateNoise())  # fmt: skip
    recipe = replace(RANDOMISED, iterations=TEACHERS_ITERATIONS, rate=ONWARD_RATE, spread=SPREAD, first_margin_m=MARGIN_M,
                     objective=RANDOMISED.objective._replace(margin_m=MARGIN_M))  # fmt: skip
    return pretrain(pack_courses(as_it_may_be(course)), car, recipe, trial, seed, teacher).weights


def taught_here(course: Course, car: CarParameters, teacher: np.ndarray, looks: Looks, encoder: bytes,
                weights: np.ndarray, layers: tuple[int, ...], seed: int) -> np.ndarray:  # fmt: skip
    """The actor's weights after ITERATIONS on this course with this car. teacher: the weights of who is told his place."""
    fleet = SeeingFleet(as_it_may_be(course), CARS, seed, looks, car, SPREAD, STARTS)
    embed, memory, rng = embedder(encoder), Memory(CARS), np.random.default_rng([seed, 0x4E6E])
    actor = Imitation(layers, weights, BATCH)
    average, push = weights.astype(np.float32), np.zeros((CARS, ACTION_SIZE), np.float32)
    pushed = rng.uniform(0.0, 1.0, (CARS, 1)).astype(np.float32)
    taught, held = (np.arange(CARS) < TEACHERS_CARS)[:, None], (np.arange(CARS) % 2 == 1)[:, None]
    seen: list[np.ndarray] = []
    told: list[np.ndarray] = []
    for iteration in range(ITERATIONS):
        for _ in range(COLLECTED):
            now = embed(fleet.frames)
            stack = memory.with_now(now, fleet.observation, fleet.age).copy()
            teaches = np.tanh(mean_of(teacher, TEACHERS_LAYERS, fleet.observation))
            seen.append(stack)
            told.append(teaches)
            push = PUSH_KEPT * push + PUSH * rng.standard_normal(push.shape, np.float32)
            own = np.clip(np.tanh(mean_of(actor.weights, layers, stack)) + pushed * push, -1.0, 1.0)
            own = np.where(held, held_back(own, SEEN_MAX_M * now[:, EMBEDDING:], fleet.batch.row(kernel.V_X)), own)
            fleet.step(np.clip(np.where(taught, teaches + push, own), -1.0, 1.0))
        all_seen, all_told = np.concatenate(seen), np.concatenate(told)
        falls = RATE_AT_LAST + 0.5 * (1.0 - RATE_AT_LAST) * (1.0 + math.cos(math.pi * iteration / ITERATIONS))
        for _ in range(UPDATES):
            rows = rng.integers(0, len(all_seen), BATCH)
            actor.step(all_seen[rows], all_told[rows], RATE * falls)
        kept = AVERAGED if iteration >= FIRST_AVERAGED else 0.0
        average = kept * average + (1.0 - kept) * actor.weights
    return average
