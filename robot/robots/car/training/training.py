"""`robot train`: a policy from the simulator, in seconds, in a run's folder.

The folder has config.toml, policy.npz (which practice starts `--from`), metrics.csv (one row a check) and laps.png.
"""

import csv
import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from policies.array_file import try_writing, write_bytes_atomically
from policies.policy_file import load_policy, save_policy
from robot.robots.car.training.pretraining import LAYERS, Check, Recipe, Trial, pretrain
from robot.robots.car.world import load_world
from robot.runtime.run_folder import new_run_folder, save_config
from robot.tasks.race_track.gradient import Objective
from robot.tasks.race_track.laps import EstimateNoise, pack_courses
from robot.tasks.race_track.task import DECISION_S, OBSERVATION_SIZE
from sim.car.model import CarParameters, Randomisation, load_parameters
from sim.car.yardstick import lookup_or_compute
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.random_tracks import random_course
from sim.tracks.track import WIDTH_TIMES_CURVATURE_MAX, Course, smooth_below

FAMILY = "family"
LOW_GRIP = 0.85
JUDGED_LAPS, SLOW_M_S = 11, 3.5  # the first lap begins at rest, which leaves ten
FIRST_FAMILY_SEED, FIRST_TRIAL_SEED, TRIALS = 1_000_000, 900_000, 12  # no course is both trained on and tried on
WIDE_M = (1.0, 1.6)  # room on either side of a family's wide courses

NOMINAL = Recipe(iterations=1000, objective=Objective(margin_m=0.01, softness_m=0.01), first_margin_m=0.1)
RANDOMISED = Recipe(
    iterations=1000,
    objective=Objective(margin_m=0.06, softness_m=0.01),
    spread=Randomisation(grip=0.25, mass=0.2, delay_s=0.025, trim_rad=0.06),
    noise=EstimateNoise(),
)
ONWARD_RATE = 2e-3  # gentler on a policy that drives already
UNSEEN = replace(RANDOMISED, iterations=2500, objective=Objective(margin_m=0.08), first_margin_m=0.2)


EFFORT_MAX = 1000.0


@dataclass(frozen=True)
class TrainConfig:
    """Train a policy in the simulator by first-order gradients, for one track or for tracks that nobody has seen."""

    task: Literal["race_track"] = "race_track"
    track: str = "default"
    """A built-in track (see `robot tasks`), or `family`: hundreds of random tracks, for a policy that drives on any."""
    map: str = ""
    """A ROS map_server YAML file instead of a built-in track; with `family`, one more track to be judged on."""
    loop: int = 0
    """Which loop of a map that has several."""
    seed: int = 0
    randomise: bool = True
    """Vary the car's grip, mass, delay and trim and the errors of its estimate; otherwise the nominal car alone."""
    effort: float = 1.0
    """Iterations, as a multiple of what is usual."""
    courses: int = 256
    """How many random tracks a family has."""
    start_from: Annotated[str, tyro.conf.arg(name="from")] = ""
    """Go on from a run's folder or a policy file, instead of fresh weights."""

    def __post_init__(self) -> None:
        if not 0.0 < self.effort <= EFFORT_MAX:
            raise ValueError(f"--effort: found {self.effort}, allowed: more than 0, at most {EFFORT_MAX:g}")
        if self.courses < 1:
            raise ValueError(f"--courses: found {self.courses}, allowed: 1 or more")
        if self.loop < 0 or (self.loop > 0 and not self.map):
            raise ValueError(f"--loop: found {self.loop}, allowed: 1 or more, with --map")
        if self.seed < 0:
            raise ValueError(f"--seed: found {self.seed}, allowed: 0 or more")


def recipe_for(config: TrainConfig) -> Recipe:
    """How this configuration trains."""
    recipe = UNSEEN if config.track == FAMILY else RANDOMISED
    if not config.randomise:
        recipe = replace(recipe, iterations=NOMINAL.iterations, spread=NOMINAL.spread, noise=None)
    if config.start_from:
        recipe = replace(recipe, rate=ONWARD_RATE)
    return replace(recipe, iterations=max(1, round(recipe.iterations * config.effort)))


def train(
    config: TrainConfig, progress: Callable[[Check], None] | None = None, root: Path = Path("runs")
) -> dict[str, Any]:
    """Train, judge and save a policy; the figures of the verb's last line.

    Raises:
        ValueError: a track, map or policy that is named is not there, or is not what it should be.
    """
    nominal = load_parameters()
    recipe = recipe_for(config)
    start = None if not config.start_from else starting_weights(config.start_from)
    family = config.track == FAMILY
    own = [load_world(config.track, config.map, config.loop).course] if config.map or not family else []
    try_writing(root / config.task)
    compile_s = warm_up(nominal)

    began = time.perf_counter()
    courses = trials = judges = own
    if family:
        courses = family_of_courses(config.courses, FIRST_FAMILY_SEED + 100_000 * config.seed)
        trials = family_of_courses(TRIALS, FIRST_TRIAL_SEED)
        judges = [built_in(name) for name in BUILT_IN] + own
    checks: list[Check] = []

    def note(check: Check) -> None:
        checks.append(check)
        if progress is not None:
            progress(check)

    trial = trial_for(trials, nominal, config.randomise)
    best = pretrain(pack_courses(courses), nominal, recipe, trial, config.seed, start, note)
    wall_s = time.perf_counter() - began

    folder = new_run_folder(root, config.task, "train")
    figures: dict[str, Any] = {"run": str(folder), "wall_s": wall_s, "compile_s": compile_s}
    figures |= judged(best.weights, judges, nominal)
    save_config(folder, config)
    save_policy(folder / "policy.npz", best.weights, LAYERS, config.task, 1.0 / DECISION_S,
                trained={**asdict(config), **figures, "run": folder.name})  # fmt: skip
    write_bytes_atomically(folder / "metrics.csv", [metrics(checks).encode()])
    write_bytes_atomically(folder / "laps.png", [picture(checks, best)])
    return figures


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


def warm_up(nominal: CarParameters) -> float:
    """Compile, or load, every kernel; the seconds that it took."""
    began = time.perf_counter()
    course = random_course(FIRST_TRIAL_SEED)
    recipe = Recipe(iterations=1, cars=2, horizon=2, keep=1, noise=EstimateNoise())
    pretrain(pack_courses([course]), nominal, recipe, trial_for([course], nominal, False, seconds=0.2), seed=0)
    return time.perf_counter() - began


def conditions(nominal: CarParameters) -> list[CarParameters]:
    """The nominal car, the one with low grip, then the corners of what may be different about a car."""
    low = replace(nominal, grip=LOW_GRIP * nominal.grip)
    corners = [
        replace(
            nominal,
            grip=grip * nominal.grip,
            actuation_s=nominal.actuation_s + delay_s,
            steer_trim_rad=nominal.steer_trim_rad + trim_rad,
        )
        for grip in (LOW_GRIP, 2.0 - LOW_GRIP)
        for delay_s in (0.02, -0.02)
        for trim_rad in (0.05, -0.05)
    ]
    return [nominal, low, *corners]


def trial_for(courses: list[Course], nominal: CarParameters, randomise: bool, seconds: float | None = None) -> Trial:
    """What a policy is checked by while it trains.

    The nominal car on every course, without errors of the estimate; if `randomise`, with them, and beside it on a
    single course all of `conditions`, on several the low-grip car and one corner each.
    """
    cars = conditions(nominal)
    pairs = []
    for k in range(len(courses)):
        here = [0] if not randomise else range(len(cars)) if len(courses) == 1 else [0, 1, 2 + k % (len(cars) - 2)]
        pairs += [(k, car) for car in here]
    longest_m = max(course.length_m for course in courses)
    return Trial(
        pack_courses(courses),
        np.array([course for course, _ in pairs]),
        np.array([cars[car].packed() for _, car in pairs]),
        10.0 + longest_m / 4.0 if seconds is None else seconds,  # one slow lap, or a few of a short course
        EstimateNoise() if randomise else None,
    )


def judged(weights: np.ndarray, courses: list[Course], nominal: CarParameters) -> dict[str, Any]:
    """Deterministic laps from a standing start: the nominal car and the low-grip car on every course.

    `ratio` is the median lap over the nominal car's yardstick, `ratio_low_grip` the low-grip car's over the same; null
    where no lap was finished. Of several courses, the worst counts. Crashes are counted over all.
    """
    cars = conditions(nominal)[:2]
    ratios, crashes = np.zeros((len(courses), 2)), np.zeros((len(courses), 2), np.int64)
    for k, course in enumerate(courses):
        trial = Trial(
            pack_courses([course]), np.zeros(2, np.int64), np.array([car.packed() for car in cars]),
            JUDGED_LAPS * course.length_m / SLOW_M_S,
        )  # fmt: skip
        laps = trial.run(weights)
        ratios[k] = laps.median_s / lookup_or_compute(course, nominal).lap_s
        crashes[k] = laps.crashes
    worst = [float(ratio) if np.isfinite(ratio) else None for ratio in ratios.max(axis=0)]
    total = [int(count) for count in crashes.sum(axis=0)]
    return {
        "ratio": worst[0],
        "crashes": total[0],
        "ratio_low_grip": worst[1],
        "crashes_low_grip": total[1],
        "ratios": {course.name: round(float(ratio), 4) for course, ratio in zip(courses, ratios[:, 0], strict=True)},
    }


def metrics(checks: list[Check]) -> str:
    """One row a check."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["iteration", "seconds", "score", "median_lap_s", "crashes"])
    for check in checks:
        median, crashes = float(np.median(check.laps.median_s)), int(check.laps.crashes.sum())
        table.writerow([check.iteration, f"{check.seconds:.3f}", f"{check.score:.5f}", f"{median:.4f}", crashes])
    return text.getvalue()


def picture(checks: list[Check], best: Check) -> bytes:
    """Lap times over the seconds of training, one line a trial, as PNG; the policy that was kept is marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    seconds = [check.seconds for check in checks]
    lap_s = np.array([check.laps.median_s for check in checks])
    axes.plot(seconds, np.where(np.isfinite(lap_s), lap_s, np.nan), color="tab:blue", alpha=0.35, lw=1)
    axes.plot(seconds, lap_s[:, 0], color="tab:blue", label="first trial: the nominal car")
    axes.axvline(best.seconds, color="tab:green", ls="--", label="kept")
    crashed = [(check.seconds, check.laps.median_s[0]) for check in checks if check.laps.crashes.any()]
    if crashed:
        axes.plot(*zip(*crashed, strict=True), "x", color="tab:red", label="some car crashed")
    axes.set(xlabel="seconds of training", ylabel="lap, s", title="Laps in the simulator while training")
    axes.legend()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()
