"""Laps of a policy in the simulator, many cars at once: what a policy is judged by before it drives a car.

The car moves by the equations of `sim/car/model.py` along the course, by RK4 in steps of PHYSICS_STEP_S; the task's own
functions say what it sees, what its actions do, and when it has crashed. A crashed car is put back on the
centreline, slow, and goes on.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from policies.first_order import forward, unpack
from robot.tasks.race_track.gradient import (
    COMMAND,
    EARLIER_ACTION,
    EARLIER_COMMAND,
    LAST_ACTION,
    N_LANE,
    N_NOISE,
    Courses,
    decide,
)
from robot.tasks.race_track.task import (
    ACTION_SIZE,
    DECISION_S,
    OBSERVATION_SIZE,
    PREVIEW_COLUMNS,
    RUNNING,
    action_for,
    ends,
    observe,
    preview_table,
)
from sim.car.adjoint import HEADING_ERROR, LATERAL, TAPE_COLUMNS, V_X, V_Y, YAW_RATE, S, drive
from sim.car.model import P_HALF_LENGTH, P_HALF_WIDTH, PHYSICS_STEP_S
from sim.tracks.track import Course

RESTART_SPEED_M_S = 1.0
RUN_UP_M = 5.0
LAPS_MAX = 64
STEPS = round(DECISION_S / PHYSICS_STEP_S)


def pack_courses(courses: list[Course]) -> Courses:
    """The courses in the form that the kernels take."""
    rows = np.array([len(course.x) for course in courses])
    tables = [
        preview_table(c.x, c.y, c.heading, c.curvature, c.width_left, c.width_right, c.spacing_m) for c in courses
    ]
    return Courses(
        np.concatenate(tables),
        np.concatenate([course.curvature for course in courses]),
        np.concatenate([[0], np.cumsum(rows)[:-1]]),
        rows,
        np.array([course.spacing_m for course in courses]),
    )


@njit(cache=True)
def place(lane, s, lateral, heading_error, speed_m_s):
    """Put a car on the course, rolling straight ahead at a speed that it is also commanded to keep."""
    lane[:] = 0.0
    lane[S] = s
    lane[LATERAL] = lateral
    lane[HEADING_ERROR] = heading_error
    lane[V_X] = speed_m_s
    a0, a1 = action_for(0.0, speed_m_s)
    lane[COMMAND + 1] = speed_m_s
    lane[EARLIER_COMMAND + 1] = speed_m_s
    lane[LAST_ACTION], lane[LAST_ACTION + 1] = a0, a1
    lane[EARLIER_ACTION], lane[EARLIER_ACTION + 1] = a0, a1


@njit(cache=True)
def drive_laps(weights, hidden, lanes, parameters, course, courses, noise, lap_s, laps, crashes):
    """Drive len(noise) decisions with each car.

    lanes, parameters, course, courses, noise: as in `race_track_gradient.window`. lap_s (n, most) is filled with the
    times of laps from line to line, s, and a car that has driven so many is done; laps, crashes (n,) int64 count.
    """
    n, most = lap_s.shape
    network = unpack(weights, OBSERVATION_SIZE, hidden, ACTION_SIZE)
    observation = np.empty((n, OBSERVATION_SIZE), np.float32)
    first, second = np.empty((n, hidden), np.float32), np.empty((n, hidden), np.float32)
    action = np.empty((n, ACTION_SIZE), np.float32)
    commands, tape = np.empty((STEPS, 2)), np.empty((STEPS, TAPE_COLUMNS))
    started = np.full(n, -1.0)  # when the lap under way began; -1 before the first crossing of the line
    laps[:] = 0
    crashes[:] = 0
    for k in range(noise.shape[0]):
        for i in range(n):
            x, error, c = lanes[i], noise[k, i], course[i]
            observe(x[V_X] + error[3], x[V_Y] + error[4], x[YAW_RATE] + error[5], x[COMMAND], x[COMMAND + 1],
                    x[LAST_ACTION], x[LAST_ACTION + 1], x[EARLIER_ACTION], x[EARLIER_ACTION + 1],
                    x[S] + error[0], x[LATERAL] + error[1], x[HEADING_ERROR] + error[2],
                    courses.table, courses.first_row[c], courses.n_rows[c], courses.spacing_m[c],
                    observation[i])  # fmt: skip
        forward(network, observation, first, second, action)
        for i in range(n):
            if laps[i] == most:
                continue
            x, c, p = lanes[i], course[i], parameters[i]
            first_row, n_rows, spacing_m = courses.first_row[c], courses.n_rows[c], courses.spacing_m[c]
            length_m = n_rows * spacing_m
            s_before = x[S]
            decide(x, action[i], p, PHYSICS_STEP_S, commands)
            drive(x, commands, p, courses.curvature, first_row, n_rows, spacing_m, PHYSICS_STEP_S, tape)
            crashed = False
            for step in range(STEPS + 1):
                at = x if step == STEPS else tape[step]
                here = courses.table[first_row + int(np.floor(at[S] / spacing_m)) % n_rows]
                end = ends(at[LATERAL], at[HEADING_ERROR], here[PREVIEW_COLUMNS - 2], here[PREVIEW_COLUMNS - 1],
                           p[P_HALF_LENGTH], p[P_HALF_WIDTH])  # fmt: skip
                crashed = crashed or end != RUNNING
            if crashed:
                crashes[i] += 1
                started[i] = -1.0
                place(x, x[S], 0.0, 0.0, RESTART_SPEED_M_S)
            elif x[S] >= length_m:
                now = (k + (length_m - s_before) / (x[S] - s_before)) * DECISION_S
                if started[i] >= 0.0:
                    lap_s[i, laps[i]] = now - started[i]
                    laps[i] += 1
                started[i] = now
            if x[S] >= length_m:
                x[S] -= length_m


@dataclass(frozen=True)
class Laps:
    """What `judge` found, for each car."""

    median_s: np.ndarray  # (n,) float64; infinite where no lap was finished
    laps: np.ndarray  # (n,) int64
    crashes: np.ndarray  # (n,) int64
    lap_s: np.ndarray  # (n, most) float64; NaN where there was none


@dataclass(frozen=True)
class EstimateNoise:
    """Standard deviations of the estimate's errors, which fade over `fade_s`: twice what is measured on the virtual car,
    the yaw rate's, which the servo's timing blurs, as measured."""

    along_m: float = 0.02
    lateral_m: float = 0.01
    heading_rad: float = 0.005
    v_x_m_s: float = 0.03
    v_y_m_s: float = 0.03
    yaw_rate_rad_s: float = 0.05
    fade_s: float = 0.2

    def draw(self, decisions: int, cars: int, rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
        """Errors (decisions, cars, N_NOISE) float64: first-order Markov sequences, stationary from the start."""
        sigma = scale * np.array(
            [self.along_m, self.lateral_m, self.heading_rad, self.v_x_m_s, self.v_y_m_s, self.yaw_rate_rad_s]
        )
        errors = rng.standard_normal((decisions, cars, N_NOISE)) * sigma
        keep = np.exp(-DECISION_S / self.fade_s)
        for k in range(1, decisions):
            errors[k] = keep * errors[k - 1] + np.sqrt(1.0 - keep * keep) * errors[k]
        return errors


def judge(weights: np.ndarray, hidden: int, courses: Courses, course: np.ndarray, parameters: np.ndarray,
          seconds: float, noise: np.ndarray | None = None, most: int = LAPS_MAX) -> Laps:  # fmt: skip
    """Drive `seconds`, or `most` laps, with n cars that start at rest RUN_UP_M before the line.

    course (n,) names their courses.
    """
    n = len(course)
    decisions = round(seconds / DECISION_S)
    lanes = np.empty((n, N_LANE))
    for lane, c in zip(lanes, course, strict=True):
        place(lane, courses.n_rows[c] * courses.spacing_m[c] - RUN_UP_M, 0.0, 0.0, 0.0)
    lap_s, laps, crashes = np.full((n, most), np.nan), np.zeros(n, np.int64), np.zeros(n, np.int64)
    errors = np.zeros((decisions, n, N_NOISE)) if noise is None else noise
    drive_laps(weights, hidden, lanes, parameters, course, courses, errors, lap_s, laps, crashes)
    median = np.array([np.median(times[:count]) if count else np.inf for times, count in zip(lap_s, laps, strict=True)])
    return Laps(median, laps, crashes, lap_s)
