"""Transitions of a policy in the batched simulator: what a learner's critics can be taught before the robot moves."""

import math

import numpy as np

from policies.actor import Actor
from policies.replay import TRANSITION
from robot.tasks import race_track
from sim.car import CarParameters, Randomisation
from sim.car_batch import CarBatch, Starts
from sim.track import Course

CARS = 32


def simulate_transitions(
    actor: Actor,
    course: Course,
    n: int,
    seed: int,
    car: CarParameters | None = None,
    spread: Randomisation = Randomisation(),
    std_scale: float = 1.0,
) -> np.ndarray:
    """At least `n` transitions, (m,) TRANSITION, of cars that differ by `spread` on `course`.

    Each car's transitions follow one another; an episode ends where it crashed or ran out of time. Actions are the
    actor's, explored with `std_scale` times its own standard deviation.
    """
    decisions = math.ceil(n / CARS)
    batch = CarBatch(race_track, [course], CARS, seed, car=car, randomisation=spread, starts=Starts())
    rng = np.random.default_rng([seed, 0x7A5])
    found = np.zeros((CARS, decisions), TRANSITION)
    episode = np.arange(CARS, dtype=np.uint32) << np.uint32(16)
    actions = np.empty((CARS, race_track.ACTION_SIZE), np.float32)
    for k in range(decisions):
        row = found[:, k]
        row["observation"] = batch.observation
        noise = rng.standard_normal(actions.shape).astype(np.float32)
        for car_index in range(CARS):
            actions[car_index] = actor.sample(batch.observation[car_index], noise[car_index], std_scale)
        batch.step(actions)
        ended = batch.end != race_track.RUNNING
        row["action"] = row["proposed"] = actions
        row["reward"] = batch.reward
        row["next_observation"] = np.where(ended[:, None], batch.last_observation, batch.observation)
        row["terminated"] = batch.end == race_track.TERMINATED
        row["truncated"] = batch.end == race_track.TRUNCATED
        row["episode"] = episode
        episode += ended
    found["truncated"][:, -1] |= found["terminated"][:, -1] == 0  # the next row is another car's
    found["duration_s"] = race_track.DECISION_S
    found["step"] = np.arange(CARS * decisions, dtype=np.uint64).reshape(CARS, decisions)
    return found.reshape(-1)
