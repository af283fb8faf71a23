"""A training of a driver that sees: `robot train --task race_track --eyes`. The run's folder has encoder.onnx beside policy.npz."""

import numpy as np

from policies.policy_file import load_policy
from robot.perception.encoder_file import ENCODER_FILE
from robot.robots.car.eyes.distiller import Distiller
from robot.robots.car.eyes.fleet import SeeingFleet
from robot.robots.car.eyes.laps import Behind, drive_laps
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, WIDTH
from robot.robots.car.eyes.trust import told_and_true, trust_in
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.car.trainer import CarTrainConfig
from robot.tasks.race_track.task import OBSERVATION_SIZE
from robot.training.trainer import Check, Look, Training
from sim.camera.looks import draw_looks, nominal_lens
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.random_tracks import random_course

ITERATIONS, CHECK_EVERY = 600, 100
CARS, LOOKS = 192, 1024
FIRST_COURSE_SEED = 2_000_000
TRUSTED_COURSES, FIRST_TRUSTED_SEED = 8, 1_900_000  # on which it is measured how far it sees
JUDGED_CARS, JUDGED_S = 48, 30.0
BRAKES: tuple[Behind, Behind] = ("nothing", "sight")
CRASH_COST = 0.1  # of a score, in ratios: for one crash a car-minute


def begin(config: CarTrainConfig) -> Training:
    """A training with these options, judged on the built-in tracks, which it never sees."""
    courses = [random_course(FIRST_COURSE_SEED + 100_000 * config.seed + k) for k in range(config.courses)]
    looks = draw_looks(LOOKS, config.seed, WIDTH, HEIGHT, colour=False, camera=CAMERA)
    teacher = load_policy(SHIPPED_POLICY, "race_track", OBSERVATION_SIZE)
    iterations = max(1, round(ITERATIONS * config.effort))
    lens = nominal_lens(WIDTH, HEIGHT, CAMERA)
    learner = Distiller(SeeingFleet(courses, CARS, config.seed, looks), lens, teacher, iterations, config.seed)
    strange = [random_course(FIRST_TRUSTED_SEED + k) for k in range(TRUSTED_COURSES)]
    tests = [built_in(name) for name in BUILT_IN]

    def look(weights: np.ndarray) -> Look:
        learner.trust = 1.0
        learner.trust = trust_in(*told_and_true(learner.encoder, weights, strange, config.seed))
        encoder = learner.encoder
        alone, held = (
            drive_laps(encoder, weights, tests, JUDGED_CARS, JUDGED_S, config.seed, behind=behind).figures()
            for behind in BRAKES
        )
        crashes, ratio = held["crashes_per_car_minute"], held["ratio"]
        score = (9.0 if ratio is None else ratio) + CRASH_COST * crashes
        words = (f"{ratio} x the best lap, {crashes} crashes a car-minute behind its own sight; alone {alone['ratio']}, "
                 f"{alone['crashes_per_car_minute']}; trust {learner.trust:.2f}")  # fmt: skip
        return Look(
            score,
            {**alone, **{f"sight_{name}": value for name, value in held.items()}, "trust": round(learner.trust, 3)},
            words,
            encoder,
        )

    def files(checks: list[Check], best: Check) -> dict[str, bytes]:
        return {ENCODER_FILE: best.look.detail}

    due = [*range(CHECK_EVERY, iterations, CHECK_EVERY), iterations]
    return Training(learner, iterations, due, look, pictures=files)
