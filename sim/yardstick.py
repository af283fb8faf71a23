"""The yardstick: the best lap that a given car could do on a given course, so that "fast" means a ratio.

Line, speed profile and tracking gains are optimised together by CMA-ES; every trial is a flying lap in the simulator,
with the task's limits on the commands and the car's own delay (`sim.racing_line`). Beside it stands the bound: a point
of mass on its best line (quasi-steady state), without tyre dynamics, delay, or limits on how fast commands change.

The built-in tracks' yardsticks for the car of the data sheet lie in `data/tracks`; `python -m sim.yardstick` computes
them again. Others are computed on first use, in some 20 s, and kept in the user's cache folder.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
from numba import njit
from scipy.interpolate import CubicSpline

from sim.built_in_tracks import BUILT_IN, built_in
from sim.car import DATA, CarParameters, load_parameters
from sim.cma_es import minimise
from sim.racing_line import CRASH_COST, N_GAINS, driven_lap, line_points, steady_state_lap
from sim.track import Course

KNOT_M = 1.6  # between the knots of the line and of the speed profile
KNOTS = 12, 36  # at least, at most
BODY_MARGIN_M = 0.02
STEADY_GENERATIONS, DRIVEN_GENERATIONS = 600, 500
REBUILD_SEEDS, REBUILD_GENERATIONS = 3, 900
SAME_LAP_S = 1e-3
STORED = DATA / "tracks"


@dataclass(frozen=True)
class CommandLimits:
    """What a task allows its commands; the defaults are those of the race track."""

    steer_max_rad: float = 0.4189
    steer_slew_rad_s: float = 2.5
    speed_min_m_s: float = 0.5
    speed_max_m_s: float = 6.0
    speed_slew_m_s2: float = 10.0

    def packed(self) -> np.ndarray:
        return np.array([*asdict(self).values()])


class Yardstick(msgspec.Struct, frozen=True):
    """The best lap of one car on one course, and how it is driven; lists are along the course's samples."""

    key: str  # of the course, the car and the limits that it holds for
    course: str
    lap_s: float
    bound_s: float  # quasi-steady state
    offset_m: list[float]  # of the line, to the left of the centreline
    speed_m_s: list[float]  # asked for along the line
    gains: list[float]  # of the tracking, as `sim.racing_line` numbers them

    def drive(self, course: Course, car: CarParameters, limits: CommandLimits) -> float:
        """Seconds of the lap when it is driven again; CRASH_COST less the metres driven, if it crashes."""
        packed, points = course.packed(), np.empty((len(course.x), 2))
        line_points(packed, np.array(self.offset_m), points)
        speed, gains = np.array(self.speed_m_s), np.array(self.gains)
        return driven_lap(packed, course.spacing_m, points, speed, gains, limits.packed(), car.packed())


def yardstick(
    course: Course,
    car: CarParameters,
    limits: CommandLimits = CommandLimits(),
    seed: int = 0,
    generations: int = DRIVEN_GENERATIONS,
    progress: Callable[[float], None] = lambda share: None,
) -> Yardstick:
    """Compute the yardstick; the same arguments give the same lap, other seeds one within about 0.5 %.

    progress: called with the share done, 0 to 1. Raises ValueError if no lap without a crash is found.
    """
    rng = np.random.default_rng([seed, 0x1A9])
    packed, p, n = course.packed(), car.packed(), len(course.x)
    knots = min(KNOTS[1], max(KNOTS[0], round(course.length_m / KNOT_M)))
    basis = periodic_basis(n, knots)
    drive = np.array([car.grip, car.accel_max_m_s2, car.brake_max_m_s2, limits.speed_max_m_s])
    margin = car.half_width_m + BODY_MARGIN_M
    room_left, room_right = course.width_left - margin, course.width_right - margin

    def steady(lines: np.ndarray) -> np.ndarray:
        return _steady_costs(packed, basis, room_left, room_right, drive, lines)

    def driven(trials: np.ndarray) -> np.ndarray:
        return _driven_costs(packed, course.spacing_m, basis, line, drive, limits.packed(), p, trials)

    line, bound_s = minimise(steady, np.zeros(knots), 0.2, 20, STEADY_GENERATIONS, rng)
    start = np.zeros(2 * knots + N_EXTRA)
    for grip in np.arange(-0.5, -3.0, -0.2):  # as fast as the first guess can go without a crash
        start[2 * knots] = grip
        if driven(start[None])[0] < CRASH_COST / 2:
            break
    best, lap_s = minimise(driven, start, 0.1, 24, generations, rng, progress)
    if lap_s > CRASH_COST / 2:
        raise ValueError(f"yardstick: found no lap of {course.name} without a crash; the car may be too large for it")
    offset, points, speed, gains = np.empty(n), np.empty((n, 2)), np.empty(n), np.empty(N_GAINS)
    _decode(packed, basis, line, drive, best, offset, points, speed, gains)
    return Yardstick(
        key=key_of(course, car, limits), course=course.name, lap_s=lap_s, bound_s=bound_s,
        offset_m=offset.tolist(), speed_m_s=speed.tolist(), gains=gains.tolist(),
    )  # fmt: skip


def lookup_or_compute(
    course: Course,
    car: CarParameters,
    limits: CommandLimits = CommandLimits(),
    progress: Callable[[float], None] = lambda share: None,
) -> Yardstick:
    """The stored yardstick of this course, car and limits, or a new one, which is then kept in the cache folder.

    A stored lap counts only if the simulator still drives it in the same time.
    """
    key = key_of(course, car, limits)
    cached = cache_folder() / f"{key}.json"
    for file in (STORED / f"{course.name}.json", cached):
        found = _read(file)
        if found is not None and found.key == key and abs(found.drive(course, car, limits) - found.lap_s) < SAME_LAP_S:
            return found
    computed = yardstick(course, car, limits, progress=progress)
    _write(cached, computed)
    return computed


def key_of(course: Course, car: CarParameters, limits: CommandLimits = CommandLimits()) -> str:
    """A digest of everything that the yardstick depends on, to a millionth of its unit."""
    digest = hashlib.sha256()
    for values in (course.packed(), car.packed(), limits.packed()):
        digest.update((np.round(values, 6) + 0.0).tobytes())
    return digest.hexdigest()[:24]


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "robot-practice" / "yardsticks"


def _read(file: Path) -> Yardstick | None:
    """The yardstick in a file; None if there is no such file, or none that this version can read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Yardstick)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _write(file: Path, found: Yardstick) -> None:
    """Write beside and rename, so that another process sees all or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as beside:
        beside.write(msgspec.json.encode(found))
    Path(beside.name).replace(file)


def periodic_basis(n: int, knots: int) -> np.ndarray:
    """(n, knots): a closed profile of n samples is this times its values at the knots (periodic cubic spline)."""
    unit = np.eye(knots)
    spline = CubicSpline(np.arange(knots + 1), np.concatenate([unit, unit[:1]]), bc_type="periodic")
    return np.ascontiguousarray(spline(np.arange(n) * knots / n))


# The searches' trials. drive: (grip, acceleration, braking m/s^2, top speed m/s).
N_EXTRA = 1 + N_GAINS  # numbers in a trial besides the line's and the speed profile's knots


@njit(cache=True)
def _steady_costs(course, basis, room_left, room_right, drive, lines):
    n = course.shape[0]
    costs = np.empty(len(lines))
    points, speed = np.empty((n, 2)), np.empty(n)
    for trial in range(len(lines)):
        offset = basis @ lines[trial]
        line_points(course, offset, points)
        outside = 0.0
        for k in range(n):
            outside += max(0.0, offset[k] - room_left[k]) + max(0.0, -offset[k] - room_right[k])
        costs[trial] = steady_state_lap(points, drive[0], drive[1], drive[2], drive[3], speed) + 0.5 * outside
    return costs


@njit(cache=True)
def _decode(course, basis, line, drive, trial, offset, points, speed, gains):
    """From a trial to line, speed profile and gains, in place. `line` (knots,): the best steady line.

    A trial holds what the line's knots deviate, the logarithm of what the speed's do, the share of grip, the gains; all
    scaled so that a step of 0.1 is a sensible one.
    """
    knots = basis.shape[1]
    extra = trial[2 * knots :]
    offset[:] = basis @ (0.9 * line + 0.3 * trial[:knots])
    line_points(course, offset, points)
    grip = drive[0] * (0.85 + 0.3 * np.tanh(extra[0]))
    steady_state_lap(points, grip, 0.8 * drive[1], 0.8 * drive[2], drive[3], speed)
    speed *= np.exp(basis @ (0.3 * trial[knots : 2 * knots]))
    gains[:] = np.array([0.5, 0.12, 0.15, 0.0, 0.0]) + np.array([0.5, 0.2, 0.2, 0.1, 0.1]) * extra[1:]


@njit(cache=True)
def _driven_costs(course, spacing_m, basis, line, drive, limits, p, trials):
    n = course.shape[0]
    costs = np.empty(len(trials))
    offset, points, speed, gains = np.empty(n), np.empty((n, 2)), np.empty(n), np.empty(N_GAINS)
    for trial in range(len(trials)):
        _decode(course, basis, line, drive, trials[trial], offset, points, speed, gains)
        costs[trial] = driven_lap(course, spacing_m, points, speed, gains, limits, p)
    return costs


def rebuild() -> None:
    """Compute and store the built-in tracks' yardsticks for the car of the data sheet: the best of several seeds."""
    car = load_parameters()
    for name in BUILT_IN:
        tries = [
            yardstick(built_in(name), car, seed=seed, generations=REBUILD_GENERATIONS) for seed in range(REBUILD_SEEDS)
        ]
        best = min(tries, key=lambda found: found.lap_s)
        _write(STORED / f"{name}.json", best)
        print(name, *(f"{found.lap_s:.3f} s" for found in tries), f"bound {best.bound_s:.3f} s", flush=True)


if __name__ == "__main__":
    rebuild()
