"""The yardstick: the best lap that a given car could do on a given course, so that "fast" means a ratio.

Line, speed profile and tracking gains are optimised together by CMA-ES; every trial is a flying lap in the simulator,
with the task's limits on the commands and the car's own delay (`sim.car.racing_line`). Beside it stands the bound: a point
of mass on its best line (quasi-steady state), without tyre dynamics, delay, or limits on how fast commands change.

The built-in tracks' yardsticks for the car of the data sheet lie in `data/tracks`; `python -m sim.car.yardstick` computes
them again. Others are computed on first use, in 15 to 30 s, and kept in the user's cache folder.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import scipy
from numba import njit

from sim.cache_folder import cache_folder
from sim.car.command_limits import CommandLimits
from sim.car.model import CarParameters, load_parameters
from sim.car.racing_line import CRASH_COST, N_GAINS, driven_lap, line_points, steady_state_lap
from sim.cma_es import minimise
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.tracks.track import Course

KNOT_M = 1.6  # between the knots of the line and of the speed profile, unless that makes more than KNOTS_USUAL
KNOT_LONG_M = 4.0  # between them at most
KNOTS_MIN, KNOTS_USUAL = 12, 36
BODY_MARGIN_M = 0.02
STEADY_GENERATIONS = 600
GENERATIONS = 900  # on courses of up to USUAL_LENGTH_M; fewer on longer ones
USUAL_LENGTH_M = 70.0
GENERATIONS_MIN = 120
SIGMA = 0.1
RESTART_SIGMA, RESTART_SHARE = 0.04, 0.6  # a second search from the first one's result, its share of generations
REBUILD_SEEDS = 3
SAME_LAP_S = 1e-3
STORED = Path(__file__).parents[1] / "tracks" / "data"


class Yardstick(msgspec.Struct, frozen=True):
    """The best lap of one car on one course, and how it is driven."""

    key: str  # of the course, the car and the limits that it holds for
    course: str
    lap_s: float
    bound_s: float  # quasi-steady state
    steady_line: list[float]  # (knots,) of the point of mass's best line, m left of the centreline
    trial: list[float]  # (2 knots + N_EXTRA,) what the search found, see `_decode`

    def drive(self, course: Course, car: CarParameters, limits: CommandLimits) -> float:
        """Seconds of the lap when it is driven again; CRASH_COST less the metres driven, if it crashes."""
        return float(_search(course, car, limits, np.array(self.steady_line))(np.array([self.trial]))[0])


def yardstick(
    course: Course,
    car: CarParameters,
    limits: CommandLimits = CommandLimits(),
    seed: int = 0,
    generations: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Yardstick:
    """Compute the yardstick; the same arguments give the same lap, other seeds one within about 0.5 %.

    generations: of the first search in the simulator, by default what reaches that repeatability. progress: called with
    the share done, 0 to 1. Raises ValueError if no lap without a crash is found.
    """
    rng = np.random.default_rng([seed, 0x1A9])
    length = course.length_m
    knots = round(max(KNOTS_MIN, length / KNOT_LONG_M, min(KNOTS_USUAL, length / KNOT_M)))
    if generations is None:
        generations = max(GENERATIONS_MIN, round(GENERATIONS * min(1.0, USUAL_LENGTH_M / length)))
    steady = _steady_search(course, car, limits, knots)
    line, bound_s = minimise(steady, np.zeros(knots), 0.2, 20, STEADY_GENERATIONS, rng)
    driven = _search(course, car, limits, line)
    start = np.zeros(2 * knots + N_EXTRA)
    start[2 * knots] = -0.5
    while driven(start[None])[0] > CRASH_COST / 2 and start[2 * knots] > -3.0:  # as fast as it goes without a crash
        start[2 * knots] -= 0.2
    again = round(RESTART_SHARE * generations)
    first = generations / (generations + again)
    trial, _ = minimise(driven, start, SIGMA, 24, generations, rng, lambda share: progress(first * share))
    trial, lap_s = minimise(
        driven, trial, RESTART_SIGMA, 24, again, rng, lambda share: progress(first + (1.0 - first) * share)
    )
    if lap_s > CRASH_COST / 2:
        raise ValueError(f"yardstick: found no lap of {course.name} without a crash; the car may be too large for it")
    return Yardstick(key_of(course, car, limits), course.name, lap_s, bound_s, line.tolist(), trial.tolist())


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
    cached = cache_folder("yardsticks") / f"{key}.json"
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


def _read(file: Path) -> Yardstick | None:
    """The yardstick in a file; None if there is no such file, or none that this version can read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Yardstick)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _write(file: Path, found: Yardstick) -> None:
    """Write beside and rename, so that another process sees all or nothing.

    Where a cache has no place (a full disk, a home that is not to be written to) there is none: the next session that
    needs this yardstick computes it again.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(msgspec.json.encode(found))
        beside.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()


def periodic_basis(n: int, knots: int) -> np.ndarray:
    """(n, knots): a closed profile of n samples is this times its values at the knots (periodic cubic spline)."""
    unit = np.eye(knots)
    spline = scipy.interpolate.CubicSpline(np.arange(knots + 1), np.concatenate([unit, unit[:1]]), bc_type="periodic")
    return np.ascontiguousarray(spline(np.arange(n) * knots / n))


N_EXTRA = 1 + N_GAINS  # numbers in a trial besides the line's and the speed profile's knots
Search = Callable[[np.ndarray], np.ndarray]  # from trials (m, k) to their costs (m,)


def _steady_search(course: Course, car: CarParameters, limits: CommandLimits, knots: int) -> Search:
    packed, basis = course.packed(), periodic_basis(len(course.x), knots)
    margin = car.half_width_m + BODY_MARGIN_M
    room_left, room_right = course.width_left - margin, course.width_right - margin
    drive = _drive(car, limits)
    return lambda lines: _steady_costs(packed, basis, room_left, room_right, drive, lines)


def _search(course: Course, car: CarParameters, limits: CommandLimits, line: np.ndarray) -> Search:
    packed, basis = course.packed(), periodic_basis(len(course.x), len(line))
    drive, bounds, p = _drive(car, limits), limits.packed(), car.packed()
    return lambda trials: _driven_costs(packed, course.spacing_m, basis, line, drive, bounds, p, trials)


def _drive(car: CarParameters, limits: CommandLimits) -> np.ndarray:
    """Grip, acceleration, braking (m/s^2) and top speed (m/s) of the point of mass."""
    return np.array([car.least_grip, car.accel_max_m_s2, car.brake_max_m_s2, limits.speed_max_m_s])


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
        course = built_in(name)
        tries = [yardstick(course, car, seed=seed) for seed in range(REBUILD_SEEDS)]
        best = min(tries, key=lambda found: found.lap_s)
        _write(STORED / f"{name}.json", best)
        print(name, *(f"{found.lap_s:.3f} s" for found in tries), f"bound {best.bound_s:.3f} s", flush=True)


if __name__ == "__main__":
    rebuild()
