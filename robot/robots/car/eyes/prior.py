"""What simulated cars with cameras live through on other courses, with other looks: a learner's critics begin with it."""

from pathlib import Path

import numpy as np

from policies.actor import weight_views
from robot.robots.car.eyes.encoder_file import encoder_beside
from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import STARTS, embedder
from robot.robots.car.eyes.records import RECORDS
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, WIDTH, Memory
from robot.tasks.race_track.task import ACTION_SIZE, DECISION_S
from sim.camera.looks import draw_looks
from sim.tracks.random_tracks import random_course

CARS, DECISIONS, COURSES, LOOKS = 24, 400, 8, 64
FIRST_COURSE_SEED, LOOKS_SEED = 2_000_000, 0  # the training's own courses and looks
TRIED = (0.15, 0.35)  # standard deviations, before they are squashed: of every other car


def drive_elsewhere(policy: Path, weights: np.ndarray, layers: tuple[int, ...], seed: int) -> np.ndarray:
    """Transitions (n,) of CARS x DECISIONS with these weights and noise. Paid by the task, as the simulator knows the place."""
    embed = embedder(encoder_beside(policy))
    looks = draw_looks(LOOKS, LOOKS_SEED + seed, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    courses = [random_course(FIRST_COURSE_SEED + k) for k in range(COURSES)]
    fleet = SeeingFleet(courses, CARS, seed, looks, starts=STARTS, decisions_max=DECISIONS)
    memory, rng = Memory(CARS), np.random.default_rng([seed, 0x9A1])
    std = np.resize(np.array(TRIED), CARS)[:, None]
    found = np.zeros((DECISIONS, CARS), RECORDS.transition)
    found["step"] = np.arange(DECISIONS * CARS).reshape(DECISIONS, CARS)
    episode, seen = np.arange(CARS), memory.with_now(embed(fleet.frames), fleet.observation, fleet.age).copy()
    for row in found:
        row["observation"], row["episode"] = seen, episode
        action = np.tanh(mean_of(weights, layers, seen) + std * rng.standard_normal((CARS, ACTION_SIZE))).astype(
            np.float32
        )
        fleet.step(action)
        seen = memory.with_now(embed(fleet.frames), fleet.observation, fleet.age).copy()
        row["action"], row["proposed"], row["next_observation"] = action, action, seen
        row["reward"], row["duration_s"] = fleet.batch.reward, DECISION_S
        row["terminated"], row["truncated"], row["demonstration"] = fleet.end == 1, fleet.end == 2, 1
        episode = np.where(fleet.end > 0, episode.max() + 1 + np.arange(CARS), episode)
    ordered: np.ndarray = found.T.reshape(-1)
    return ordered


def mean_of(weights: np.ndarray, layers: tuple[int, ...], seen: np.ndarray) -> np.ndarray:
    """The actor's mean before it is squashed, (n, ACTION_SIZE)."""
    x = seen
    views = weight_views(weights, layers)
    for matrix, bias in views[:-1]:
        x = np.tanh(x @ matrix + bias)
    mean: np.ndarray = (x @ views[-1][0] + views[-1][1])[:, :ACTION_SIZE]
    return mean
