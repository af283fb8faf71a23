"""The predictive brake: an action is executed only if, after it, braking still keeps the car inside the corridor.

At every decision the proposed action is rolled out with the car's own equations: first what is still in the delay line,
then the action for one decision, then a backup manoeuvre (pursue the course, and brake with the grip that cornering
leaves) until the car creeps along the course. If with one of the manoeuvres the body stays `margin_m` inside both walls
throughout, the action is executed; else gentler ones are tried; at last the manoeuvres themselves. As one of them was
found safe one decision earlier, it is safe now, as far as the model holds: safe with the believed grip, and, where there
is a choice, with less grip as well. (Less grip alone would be no caution: it predicts a slide where the car spins.) What
is executed is always an action of the task, so that a learner can learn from it.

Everything is a pure function of its arguments.
"""

import math

import numpy as np
from numba import njit

from policies.backup.pure_pursuit import lookahead, pursue
from robot.tasks.race_track import (
    DECISION_S,
    SPEED_SLEW_M_S2,
    STEER_SLEW_RAD_S,
    TICK_S,
    TICKS_PER_DECISION,
    action_for,
    slew,
    target,
)
from sim.car import (
    GRAVITY_M_S2,
    P_ACCEL,
    P_BRAKE,
    P_FRONT,
    P_GRIP,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_INERTIA,
    P_MASS,
    P_REAR,
    P_SPEED_TAU,
    P_STEER_MAX,
    P_STEER_RATE,
    P_TRIM,
    body_derivative,
    drive_acceleration,
    track_derivative,
)

AS_PROPOSED, SLOWER, STEERED, BACKUP, UNAVOIDABLE = range(5)
REASONS = {
    AS_PROPOSED: "executed as proposed",
    SLOWER: "slowed down: braking later would not keep the car in the corridor",
    STEERED: "steered towards the backup and slowed down",
    BACKUP: "the backup drives: nothing else keeps the car in the corridor",
    UNAVOIDABLE: "full braking: nothing is predicted to keep the car in the corridor",
}

SLIPPERY_SHARE = 0.85  # of the nominal grip: what the car may have as long as nobody has measured it
MEASURED_SHARE = 0.95  # of the measured one
HELD_BY_GRIP = 0.95  # more braking than this leaves nothing to steer with
MARGIN_M = 0.08
ROOM_TIE_M = 0.002  # candidates this close are equal: the later, more cautious one is taken
HORIZON_TICKS = 100
CREEP_SPEED_M_S = 0.9  # a car this slow, pointing along the course, can follow it for ever
CREEP_OUTWARDS_RAD = 0.05
CREEP_INWARDS_RAD = 0.6
KINEMATIC_SPEED_M_S = 1.2  # below it the tyres settle faster than a tick: no slip is simulated
BACKUP_GRIP_SHARE = 0.9  # of the believed grip, for braking and cornering together
BACKUP_BRAKE_MIN_M_S2 = 2.0

# The backup manoeuvres, one a row: (share of the lateral offset that it still aims at: it need not cross to the
# centreline; look-ahead, as a share of the usual one; share of the braking that cornering leaves). The first stops
# soonest, the second holds a racing line at the limit, where hard braking would slide the car out of its corner.
MANOEUVRES = np.array([[0.6, 1.0, 1.0], [0.9, 0.65, 0.5]])
HARDEST, HOLDING = 0, 1
# What is tried in the action's place, gentlest first: shares of the way from it to a manoeuvre's (steering, speed).
BLENDS = np.array([[0.0, 0.5], [0.0, 1.0], [0.5, 0.5], [1.0, 1.0]])


def believed_car(packed: np.ndarray, grip_belief: float = 1.0) -> np.ndarray:
    """A copy of `CarParameters.packed()` with a share of its grip, and no more drive and brake than that grip holds.

    Raises:
        ValueError: grip_belief is not in (0, 2].
    """
    if not 0.0 < grip_belief <= 2.0:
        raise ValueError(f"predictive brake: grip_belief is {grip_belief}; allowed are shares in (0, 2]")
    return with_grip(packed, grip_belief)


@njit(cache=True)
def with_grip(car, share):
    """A copy of a packed car with a share of its grip, whose drive and brake that grip can hold."""
    other = car.copy()
    other[P_GRIP] *= share
    most = HELD_BY_GRIP * other[P_GRIP] * GRAVITY_M_S2
    other[P_BRAKE] = min(other[P_BRAKE], most)
    other[P_ACCEL] = min(other[P_ACCEL], most)
    return other


@njit(cache=True)
def clearance(s, lateral, heading_error, course, spacing_m, car):
    """Smallest distance between the body's corners and the walls, m; negative outside."""
    n = course.shape[0]
    half_length = car[P_HALF_LENGTH]
    row = int(s / spacing_m) % n
    ahead = int((s + half_length) / spacing_m) % n
    reach = half_length * abs(math.sin(heading_error)) + car[P_HALF_WIDTH] * math.cos(heading_error)
    bend = 0.5 * course[row, 4] * half_length * half_length  # what the course turns away under the body's ends
    left = min(course[row, 5], course[ahead, 5]) - lateral - reach - max(0.0, -bend)
    right = min(course[row, 6], course[ahead, 6]) + lateral - reach - max(0.0, bend)
    return min(left, right)


@njit(cache=True)
def braking_left(cornering, car):
    """Deceleration, m/s^2, that the grip still gives beside a lateral acceleration, m/s^2."""
    limit = BACKUP_GRIP_SHARE * car[P_GRIP] * GRAVITY_M_S2
    used = min(limit, abs(cornering))
    return max(BACKUP_BRAKE_MIN_M_S2, math.sqrt(limit * limit - used * used))


@njit(cache=True)
def backup_action(manoeuvre, s, lateral, heading_error, v_x, course, spacing_m, car, latency_s):
    """The action of one of the MANOEUVRES: pursue the course, and brake with what cornering leaves of the grip."""
    wheelbase = car[P_FRONT] + car[P_REAR]
    offset_kept, reach, brake_share = MANOEUVRES[manoeuvre]
    steer = pursue(course, spacing_m, s, lateral, heading_error, reach * lookahead(v_x), offset_kept * lateral,
                   wheelbase, car[P_STEER_MAX])  # fmt: skip
    braking = brake_share * braking_left(v_x * v_x * math.tan(steer) / wheelbase, car)
    return action_for(steer, v_x - braking * (DECISION_S + latency_s + car[P_SPEED_TAU]))


@njit(cache=True)
def least_room(manoeuvre, a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, car,
               latency_s):  # fmt: skip
    """Smallest distance between body and walls, m, through one decision of (a0, a1) and then a backup manoeuvre.

    Negative if it would touch a wall: -1 at once, nearer 0 the later. Arguments as `filter_action`.
    """
    past = sent.shape[0]
    line = np.empty((past + HORIZON_TICKS, 2))  # commands by tick; the decision's first is line[past]
    line[:past] = sent
    delay = min(latency_s / TICK_S, past - 1.0)
    whole = math.floor(delay)
    part = delay - whole
    wheelbase = car[P_FRONT] + car[P_REAR]
    most_slip = car[P_GRIP] * GRAVITY_M_S2 * TICK_S
    most_turn = most_slip * car[P_MASS] * car[P_FRONT] / car[P_INERTIA]
    steer = sent[past - 1 - whole, 0] + car[P_TRIM]
    goal_steer, goal_speed = target(a0, a1)
    least = 1e9
    for tick in range(HORIZON_TICKS):
        if tick > 0 and tick % TICKS_PER_DECISION == 0:
            b0, b1 = backup_action(manoeuvre, s, lateral, heading_error, v_x, course, spacing_m, car, latency_s)
            goal_steer, goal_speed = target(b0, b1)
        now = past + tick
        line[now, 0] = slew(line[now - 1, 0], goal_steer, STEER_SLEW_RAD_S, TICK_S)
        line[now, 1] = slew(line[now - 1, 1], goal_speed, SPEED_SLEW_M_S2, TICK_S)
        newer, older = now - whole, max(0, now - whole - 1)
        steer_goal = line[newer, 0] + part * (line[older, 0] - line[newer, 0]) + car[P_TRIM]
        speed = line[newer, 1] + part * (line[older, 1] - line[newer, 1])
        most = car[P_STEER_RATE] * TICK_S
        next_steer = steer + min(most, max(-most, steer_goal - steer))
        middle_steer = 0.5 * (steer + next_steer)
        steer = next_steer
        accel = drive_acceleration(v_x, speed, car)
        curvature = course[int(s / spacing_m) % course.shape[0], 4]
        half = 0.5 * TICK_S
        ds, dl, de = track_derivative(lateral, heading_error, v_x, v_y, yaw_rate, curvature)
        if v_x > KINEMATIC_SPEED_M_S:  # midpoint rule
            dvx, dvy, dr = body_derivative(v_x, v_y, yaw_rate, middle_steer, accel, car)
            mx, my, mr = v_x + half * dvx, v_y + half * dvy, yaw_rate + half * dr
            dvx, dvy, dr = body_derivative(mx, my, mr, middle_steer, drive_acceleration(mx, speed, car), car)
            v_x, v_y, yaw_rate = v_x + TICK_S * dvx, v_y + TICK_S * dvy, yaw_rate + TICK_S * dr
        else:  # the tyres reach rolling as fast as friction lets them
            next_v_x = max(0.0, v_x + TICK_S * (accel + v_y * yaw_rate))
            rolling = next_v_x * math.tan(steer) / wheelbase
            next_yaw_rate = yaw_rate + min(most_turn, max(-most_turn, rolling - yaw_rate))
            next_v_y = v_y + min(most_slip, max(-most_slip, rolling * car[P_REAR] - v_y))
            mx, my, mr = 0.5 * (v_x + next_v_x), 0.5 * (v_y + next_v_y), 0.5 * (yaw_rate + next_yaw_rate)
            v_x, v_y, yaw_rate = next_v_x, next_v_y, next_yaw_rate
        ds, dl, de = track_derivative(lateral + half * dl, heading_error + half * de, mx, my, mr, curvature)
        s, lateral, heading_error = s + TICK_S * ds, lateral + TICK_S * dl, heading_error + TICK_S * de
        least = min(least, clearance(s, lateral, heading_error, course, spacing_m, car))
        if least < 0.0 or math.cos(heading_error) < 0.0:
            return tick / HORIZON_TICKS - 1.0
        creeping = v_x < CREEP_SPEED_M_S and speed < CREEP_SPEED_M_S and tick > TICKS_PER_DECISION
        outwards = heading_error if lateral > 0.0 else -heading_error
        if creeping and -CREEP_INWARDS_RAD < outwards < CREEP_OUTWARDS_RAD:
            return least
    settled = v_x < 2.0 * CREEP_SPEED_M_S and abs(heading_error) < CREEP_INWARDS_RAD
    return least if settled else -1.0 / HORIZON_TICKS


@njit(cache=True)
def most_room(a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, car, latency_s,
              margin_m):  # fmt: skip
    """`least_room` with the first manoeuvre that keeps the margin, else with the best."""
    best = -1.0
    for manoeuvre in range(len(MANOEUVRES)):
        room = least_room(manoeuvre, a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m,
                          car, latency_s)  # fmt: skip
        if room >= margin_m:
            return room
        best = max(best, room)
    return best


@njit(cache=True)
def rank(a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, car, slippery, latency_s,
         margin_m):  # fmt: skip
    """How good an action is: 2 safe with either grip; 1 to 2 safe with the believed one; below that its room, m."""
    room = most_room(a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, car, latency_s,
                     margin_m)  # fmt: skip
    if room < margin_m:
        return room
    room = most_room(a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, slippery,
                     latency_s, margin_m)  # fmt: skip
    return 2.0 if room >= margin_m else 1.5 + 0.5 * max(-1.0, min(0.99, room))


@njit(cache=True)
def filter_action(a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, car, slippery,
                  latency_s, margin_m, out):  # fmt: skip
    """Write the action to execute into `out` (2,) and return the reason, one of AS_PROPOSED .. UNAVOIDABLE.

    a0, a1: proposed action. s, lateral (m), heading_error (rad): estimated place on the course; v_x, v_y (m/s),
    yaw_rate (rad/s): estimated motion, all at the time of the decision.
    sent: (k, 2) float64, the commands (steer_rad, speed_m_s) of the last k ticks, newest last; k covers the latency:
    k >= latency_s / TICK_S + 1. Its last row is the command in force.
    course: `Course.packed()`; car: `believed_car(...)`; slippery: the same with the least grip that it may have, as an
    action must be safe with that, too; latency_s: from sending a command to its effect at the wheels;
    margin_m: room to keep between body and walls.
    """
    out[0], out[1] = a0, a1
    if rank(a0, a1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, car, slippery, latency_s,
            margin_m) == 2.0:  # fmt: skip
        return AS_PROPOSED
    best, reason = -2.0, UNAVOIDABLE
    for steered, slowed in BLENDS:
        for manoeuvre in range(len(MANOEUVRES)):
            b0, b1 = backup_action(manoeuvre, s, lateral, heading_error, v_x, course, spacing_m, car, latency_s)
            c0, c1 = a0 + steered * (b0 - a0), a1 + slowed * min(0.0, b1 - a1)
            good = rank(c0, c1, s, lateral, heading_error, v_x, v_y, yaw_rate, sent, course, spacing_m, car, slippery,
                        latency_s, margin_m)  # fmt: skip
            if good >= best - ROOM_TIE_M:
                best = good
                reason = SLOWER if steered == 0.0 else STEERED if steered < 1.0 else BACKUP
                out[0], out[1] = c0, c1
            if good == 2.0:
                return reason
    if best >= 0.0:
        return reason
    out[0] = backup_action(HARDEST, s, lateral, heading_error, v_x, course, spacing_m, car, latency_s)[0]
    out[1] = -1.0  # it will touch: as slowly as it can
    return UNAVOIDABLE
