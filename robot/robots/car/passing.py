"""Passing somebody: where the corridor leaves room beside who is in the way, the car goes round them instead of waiting.

Nothing is passed that the predictive brake would not let pass: each way round is an action of the task, tried as any other,
with what people may walk meanwhile. The policy does not know of people, so it is asked first, and this only where the brake
would not do as it says.
"""

import numpy as np

from policies.backup.pure_pursuit import lookahead, pursue
from robot.robots.car.course_place import CoursePlace
from robot.robots.car.fallback import Fallback
from robot.robots.car.shield.predictive_brake import MARGIN_M, UNAVOIDABLE, filter_action, what_holds
from robot.robots.car.shield.rollout import HORIZON_TICKS, N_LINE
from robot.robots.car.shield.supervision import Command
from robot.tasks.race_track import task
from sim.car.model import P_FRONT, P_HALF_LENGTH, P_HALF_WIDTH, P_REAR, P_STEER_MAX

AHEAD_M = 4.0  # who is farther away is not yet to be passed
BESIDE_M = 0.1  # at the least to either side of the body
SPEEDS_M_S = (3.0, 2.0, 1.2, task.SPEED_MIN_M_S)


def ways_round(place: CoursePlace, obstacles: np.ndarray, car: np.ndarray) -> list[float]:
    """Lateral places, m, in the middle of the gaps beside the nearest of obstacles (n, 4: `rollout.gap`) that is ahead.

    The widest gap first; none where nobody is ahead, or no gap is wide enough for the car (packed).
    """
    course = place.course
    if course is None or not len(obstacles):
        return []
    ahead_m = (obstacles[:, 0] - place.s + 0.5 * course.length_m) % course.length_m - 0.5 * course.length_m
    passed_m = -float(car[P_HALF_LENGTH]) - obstacles[:, 2]
    near = np.flatnonzero((ahead_m > passed_m) & (ahead_m < AHEAD_M))
    if not len(near):
        return []
    first = ahead_m[near].min()
    beside = obstacles[near[ahead_m[near] < first + 2.0 * float(car[P_HALF_LENGTH])]]  # they are passed together
    row = place.packed[int((place.s + first) / course.spacing_m) % len(place.packed)]
    edges = [-float(row[6])]
    for lateral, radius in sorted((float(one[1]), float(one[2])) for one in beside):
        edges += [lateral - radius, lateral + radius]
    edges.append(float(row[5]))
    gaps = [(high - low, 0.5 * (low + high)) for low, high in zip(edges[::2], edges[1::2], strict=True)]
    least_m = 2.0 * (float(car[P_HALF_WIDTH]) + BESIDE_M)
    return [middle for width, middle in sorted(gaps, reverse=True) if width > least_m]


def way_round(
    place: CoursePlace, fallback: Fallback, sent: np.ndarray, fastest_m_s: float
) -> tuple[tuple[float, float], tuple[int, int]] | None:
    """The action that goes round who is ahead, as fast as the brake lets it, and what to keep after it (`Fallback.kept`).

    None where there is none. sent (k, 3): as in the roll-out.
    """
    course, cars = place.course, fallback.cars
    gaps = ways_round(place, fallback.obstacles, cars[1])
    if course is None or not gaps:
        return None
    wheelbase_m, distance_m = cars[1, P_FRONT] + cars[1, P_REAR], lookahead(float(place.at[3]))
    line = np.empty((sent.shape[0] + HORIZON_TICKS, N_LINE))
    for speed in SPEEDS_M_S:
        for offset_m in gaps:
            steer = pursue(place.packed, course.spacing_m, place.s, place.lateral, place.heading_error, distance_m,
                           offset_m, wheelbase_m, cars[1, P_STEER_MAX])  # fmt: skip
            a0, a1 = task.action_for(steer, min(speed, fastest_m_s))
            manoeuvre, stop = what_holds(
                a0, a1, place.at, sent, place.packed, course.spacing_m, fallback.obstacles, cars, fallback.latency_s, MARGIN_M,
                fallback.kept, line,
            )  # fmt: skip
            if stop >= 0:
                return (a0, a1), (manoeuvre, stop)
    return None


def no_way_on(place: CoursePlace, fallback: Fallback, obstacles: np.ndarray, last: Command, sent: np.ndarray) -> bool:
    """Whether no slow way along the course keeps off the walls and these obstacles. last: the newest command that was sent."""
    assert place.course is not None
    steer, speed = task.action_for(fallback.steer(last), 0.0)
    reason = filter_action(
        float(steer), float(speed), place.at, sent, place.packed, place.course.spacing_m, obstacles, fallback.cars,
        fallback.latency_s, MARGIN_M, fallback.kept.copy(), np.zeros(task.ACTION_SIZE),
    )  # fmt: skip
    return bool(reason == UNAVOIDABLE)
