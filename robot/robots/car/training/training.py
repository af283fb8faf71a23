"""A training of a policy that drives: on one track or on a family of them, as the options ask."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from policies.policy_file import load_policy
from robot.robots.car.trainer import FAMILY, CarTrainConfig
from robot.robots.car.training.pretraining import (
    LAYERS,
    NOMINAL,
    ONWARD_RATE,
    RANDOMISED,
    UNSEEN,
    Recipe,
    pretrain,
    pretraining,
)
from robot.robots.car.training.trials import judged, trial_for
from robot.robots.car.world import load_world
from robot.tasks.race_track.laps import EstimateNoise, pack_courses
from robot.tasks.race_track.task import OBSERVATION_SIZE
from robot.training.trainer import Check, Training
from sim.car.model import load_parameters
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.random_tracks import random_course
from sim.tracks.track import WIDTH_TIMES_CURVATURE_MAX, Course, smooth_below

FIRST_FAMILY_SEED, FIRST_TRIAL_SEED, TRIALS = 1_000_000, 900_000, 12  # no course is both trained on and tried on
WIDE_M = (1.0, 1.6)  # room on either side of a family's wide courses


def recipe_for(config: CarTrainConfig) -> Recipe:
    """How this configuration trains."""
    recipe = UNSEEN if config.track == FAMILY else RANDOMISED
    if not config.randomise:
        recipe = replace(recipe, iterations=NOMINAL.iterations, spread=NOMINAL.spread, noise=None)
    if config.start_from:
        recipe = replace(recipe, rate=ONWARD_RATE)
    return replace(recipe, iterations=max(1, round(recipe.iterations * config.effort)))


def begin(config: CarTrainConfig) -> Training:
    """A training on its track, or on a family of them.

    Raises ValueError for a track, map or policy that is not there, or is not what it should be.
    """
    if config.eyes:
        from robot.robots.car.eyes.training import begin as begin_to_see  # torch, which nothing else here needs

        return begin_to_see(config)
    nominal = load_parameters()
    start = starting_weights(config.start_from) if config.start_from else None
    own = own_course(config)
    courses = trials = judges = own
    if config.track == FAMILY:
        courses = family_of_courses(config.courses, FIRST_FAMILY_SEED + 100_000 * config.seed)
        trials = family_of_courses(TRIALS, FIRST_TRIAL_SEED)
        judges = [built_in(name) for name in BUILT_IN] + own
    trial = trial_for(trials, nominal, config.randomise)
    return replace(
        pretraining(pack_courses(courses), nominal, recipe_for(config), trial, config.seed, start),
        judged=lambda weights, folder: judged(weights, judges, nominal),
        pictures=lambda checks, best: {"laps.png": picture(checks, best)},
    )


def own_course(config: CarTrainConfig) -> list[Course]:
    """The course that is asked for by name or map; none of a family without a map."""
    if config.track == FAMILY and not config.map:
        return []
    return [load_world(config.track, config.map, config.loop).course]


def family_of_courses(n: int, first_seed: int) -> list[Course]:
    """Random courses to train on, or to try a policy on. Every second one has its walls as far out as its bends allow.

    The wide ones may run through themselves, which cars on a course's own coordinates do not notice.
    """
    courses = [random_course(first_seed + k) for k in range(n)]
    rng = np.random.default_rng([first_seed, 0x31DE])
    for k in range(0, n, 2):
        course, wide = courses[k], rng.uniform(*WIDE_M)
        left, right = (
            smooth_below(np.minimum(wide, 0.97 * WIDTH_TIMES_CURVATURE_MAX / np.maximum(bend, 1e-3)), 12)
            for bend in (course.curvature, -course.curvature)
        )
        courses[k] = replace(course, width_left=left, width_right=right)
    return courses


def starting_weights(name: str) -> np.ndarray:
    """The weights of a run's folder or of a policy file."""
    path = Path(name)
    path = path / "policy.npz" if path.is_dir() else path
    found = load_policy(path, "race_track", OBSERVATION_SIZE)
    if found.layers != LAYERS:
        raise ValueError(f"{path}: field layers is {found.layers}, allowed: {LAYERS}")
    return found.weights


def warm_up(config: CarTrainConfig) -> None:
    """Find what `begin` would raise; then compile, or load, every kernel."""
    if config.eyes:
        return  # it takes minutes, beside which its kernels are nothing
    own_course(config)
    if config.start_from:
        starting_weights(config.start_from)
    course, nominal = random_course(FIRST_TRIAL_SEED), load_parameters()
    recipe = Recipe(iterations=1, cars=2, horizon=2, keep=1, noise=EstimateNoise())
    pretrain(pack_courses([course]), nominal, recipe, trial_for([course], nominal, False, seconds=0.2), seed=0)


def lines(figures: dict[str, Any]) -> list[str]:
    """The figures for a person."""

    def laps(ratio: float | None, crashes: int) -> str:
        pace = "no lap" if ratio is None else f"{ratio:.3f} x the best possible lap"
        return f"{pace}, {crashes} crashes"

    if "crashes_per_car_minute" in figures:
        return [f"seen by a camera {laps(figures['ratio'], figures['crashes'])}, "
                f"{figures['crashes_per_car_minute']} a car-minute"]  # fmt: skip
    return [
        f"nominal car     {laps(figures['ratio'], figures['crashes'])}",
        f"grip -15 %      {laps(figures['ratio_low_grip'], figures['crashes_low_grip'])}",
    ]


def picture(checks: list[Check], best: Check) -> bytes:
    """Lap times over the seconds of training, one line a trial, as PNG; the policy that was kept is marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    seconds = [check.seconds for check in checks]
    lap_s = np.array([check.look.detail.median_s for check in checks])
    axes.plot(seconds, np.where(np.isfinite(lap_s), lap_s, np.nan), color="tab:blue", alpha=0.35, lw=1)
    axes.plot(seconds, lap_s[:, 0], color="tab:blue", label="first trial: the nominal car")
    axes.axvline(best.seconds, color="tab:green", ls="--", label="kept")
    crashed = [(check.seconds, check.look.detail.median_s[0]) for check in checks if check.look.detail.crashes.any()]
    if crashed:
        axes.plot(*zip(*crashed, strict=True), "x", color="tab:red", label="some car crashed")
    axes.set(xlabel="seconds of training", ylabel="lap, s", title="Laps in the simulator while training")
    axes.legend()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()
