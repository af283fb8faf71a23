"""A stop in thought: the car's own equations from here to rest, under the very commands that would be sent.

First what is still in the delay line, then an action for some ticks, then, until somebody takes over, the last command
for some more, then a manoeuvre: pursue the course, and brake with a share of what cornering leaves of the grip. A
manoeuvre is carried out in one of two ways: as actions of the task, one a decision (what the policy's wheel can do), or
as a brake current, renewed every tick (what stops the car for good).

Everything is a pure function of its arguments.
"""

import math

import numpy as np
from numba import njit

from policies.backup.pure_pursuit import lookahead, pursue, row_of
from robot.robots.car.shield.supervision import FULL_BRAKE_A
from robot.tasks.race_track.task import (
    DECISION_S,
    SPEED_SLEW_M_S2,
    STEER_SLEW_RAD_S,
    TICK_S,
    TICKS_PER_DECISION,
    action_for,
    slew,
    target,
)
from sim.car.model import (
    GRAVITY_M_S2,
    P_BRAKE,
    P_FRONT,
    P_GRIP_F,
    P_GRIP_R,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_INERTIA,
    P_MASS,
    P_MOTOR_GAIN,
    P_REAR,
    P_SPEED_TAU,
    P_STEER_MAX,
    P_STEER_RATE,
    P_TRIM,
    body_derivative,
    drive_acceleration,
    track_derivative,
)

HORIZON_TICKS = 151
STANDING_M_S = 0.15  # in all: who stops so may stand at any angle
STOP_COSINE = 0.35  # of the heading error: a stop that turns further is half a spin, and the model is not that good
CREEP_SPEED_M_S = 0.9  # a car this slow, pointing along the course, can follow it for ever
CREEP_OUTWARDS_RAD = 0.05
CREEP_INWARDS_RAD = 0.6
CREEP_GAP_M = 0.3  # and stands before anybody who is so far ahead
SLIDING_M_S = 0.2  # of the rear axle, sideways: a car that slides is not slow, however slow it is forwards
SLIDING_PARTS = 4  # of a tick: a slide at walking pace is stiff
KINEMATIC_SPEED_M_S = 1.2  # below it tyres that do not slide settle faster than a tick: no slip is simulated
GRIP_SHARE = 0.9  # of the grip, for braking and cornering together
SLOW_M_S = 1.0  # from here on every stop brakes with all that cornering leaves, at the least
COAST_A = 0.5  # brake current of a car that is to roll
TAIL_RATIO = 1.1  # front grip over rear grip, from which on a tail is minded
TAIL_GAIN, TAIL_MOST = 1.25, 0.5  # how much, by what the ratio is more, and at most
LAST_M_S = 0.3  # from here on fully: no slide can come of it

S, LATERAL, HEADING_ERROR, V_X, V_Y, YAW_RATE = range(6)  # of `at`: place on the course and motion of the car
N_AT = 6
STEER, SPEED, BRAKE = range(3)  # columns of a command: rad; m/s; A, which comes before the speed where it is above 0
N_COMMAND = 3
TURNED, WAY = range(3, 5)  # of a line, beside the command: angle, rad, and way, m, from the start until it is sent
N_LINE = 5

# The manoeuvres, one a row: (share of the lateral offset that it still aims at: it need not cross to the centreline;
# share of the braking that cornering leaves; what it leaves at the least, as a share of the grip; for how many ticks the
# car rolls before it brakes). As actions: where the first would slide the car out of its corner, the others hold it.
ACTIONS = np.array([[0.3, 1.0, 0.2, 0.0], [0.3, 0.5, 0.2, 0.0], [0.3, 0.3, 0.2, 0.0]])
# As stops: for a car that slides already there is not one that is best. The first that are not enough to stop nearly all
# cars on grip of 0.4 to 1.2 of the nominal one; those that cross the centreline do where a bend is left on the outside;
# those that roll first catch the slide, and come last.
STOPS = np.array([
    [0.3, 1.0, 0.2, 0.0], [0.3, 0.3, 0.6, 0.0], [0.9, 2.5, 0.2, 0.0], [0.0, 2.5, 0.2, 0.0], [0.9, 0.3, 0.2, 0.0],
    [0.0, 0.7, 0.4, 0.0], [-0.3, 2.5, 0.4, 0.0], [0.0, 0.15, 0.8, 0.0], [-0.3, 0.7, 0.8, 0.0], [0.6, 0.3, 0.6, 20.0],
])  # fmt: skip
HARDEST = np.int64(0)
OFFSET, SHARE, LEAST, ROLLS = range(4)  # columns
NO_OBSTACLES = np.zeros((0, 4))


def believed_cars(packed: np.ndarray, grip: tuple[float, float], least: tuple[float, float]) -> np.ndarray:
    """(2, n): `CarParameters.packed()` with two pairs of shares of front and rear grip: what it is believed to have, and at the least.

    Raises:
        ValueError: a share is not in (0, 2], or the least is the greater.
    """
    if not all(0.0 < low <= share <= 2.0 for low, share in zip(least, grip, strict=True)):
        raise ValueError(
            f"predictive brake: shares of front and rear grip are {grip} and at least {least}; allowed are shares in "
            "(0, 2], the least no greater than the other"
        )
    cars = np.stack([packed, packed])
    cars[:, P_GRIP_F] *= grip[0], least[0]
    cars[:, P_GRIP_R] *= grip[1], least[1]
    return cars


@njit(inline="always")
def least_grip(car):
    """Grip of the axle that slides first."""
    return min(car[P_GRIP_F], car[P_GRIP_R])


@njit(cache=True, error_model="numpy")
def clearance(s, lateral, heading_error, course, spacing_m, car):
    """Smallest distance between the body's corners and the walls, m; negative outside."""
    n = course.shape[0]
    half_length = car[P_HALF_LENGTH]
    row, ahead = row_of(s / spacing_m, n), row_of((s + half_length) / spacing_m, n)
    reach = half_length * abs(math.sin(heading_error)) + car[P_HALF_WIDTH] * math.cos(heading_error)
    bend = 0.5 * course[row, 4] * half_length * half_length  # what the course turns away under the body's ends
    left = min(course[row, 5], course[ahead, 5]) - lateral - reach - max(0.0, -bend)
    right = min(course[row, 6], course[ahead, 6]) + lateral - reach - max(0.0, bend)
    return min(left, right)


@njit(cache=True, error_model="numpy")
def gap(s, lateral, heading_error, obstacles, after_s, ahead_m, length_m, car):
    """Smallest distance, m, between body and obstacles; negative inside. `ahead_m`: by how much the nose is longer.

    obstacles (n, 4): s, lateral, radius (m), speed (m/s) by which the radius grows, as nobody knows where they walk;
    after_s: since they were seen. length_m: of the course.
    """
    least = 1e9
    cos_e, sin_e = math.cos(heading_error), math.sin(heading_error)
    for k in range(obstacles.shape[0]):
        ds = (obstacles[k, 0] - s + 0.5 * length_m) % length_m - 0.5 * length_m
        dl = obstacles[k, 1] - lateral
        x, y = ds * cos_e + dl * sin_e, dl * cos_e - ds * sin_e
        dx = max(0.0, x - car[P_HALF_LENGTH] - ahead_m, -x - car[P_HALF_LENGTH])
        dy = max(0.0, abs(y) - car[P_HALF_WIDTH])
        least = min(least, math.sqrt(dx * dx + dy * dy) - obstacles[k, 2] - obstacles[k, 3] * after_s)
    return least


@njit(inline="always")
def tail_minded(car):
    """How much of what a car turns too far is steered against: 0 of one whose rear tyres hold about as much as its front ones."""
    return min(TAIL_MOST, max(0.0, TAIL_GAIN * (car[P_GRIP_F] / car[P_GRIP_R] - TAIL_RATIO)))


@njit(cache=True, error_model="numpy")
def pursuit(manoeuvre, s, lateral, heading_error, v_x, yaw_rate, course, spacing_m, car):
    """Steering angle of a manoeuvre (a row of ACTIONS or STOPS), rad.

    A tail that slides turns the car further by itself: it is steered against what it turns more than its wheels say.
    """
    wheelbase = car[P_FRONT] + car[P_REAR]
    steer = pursue(course, spacing_m, s, lateral, heading_error, lookahead(v_x), manoeuvre[OFFSET] * lateral, wheelbase,
                   car[P_STEER_MAX])  # fmt: skip
    tail = tail_minded(car)
    if tail > 0.0:
        steer -= tail * (yaw_rate * wheelbase / max(SLOW_M_S, v_x) - math.tan(steer))
        steer = min(car[P_STEER_MAX], max(-car[P_STEER_MAX], steer))
    return steer


@njit(cache=True, error_model="numpy")
def braking(share, least_share, steer, v_x, car):
    """A share, m/s^2, of what the grip gives to brake with beside the corner being driven: at least some of it is."""
    limit = GRIP_SHARE * least_grip(car) * GRAVITY_M_S2
    cornering = min(limit, abs(v_x * v_x * math.tan(steer) / (car[P_FRONT] + car[P_REAR])))
    return share * max(least_share * limit, math.sqrt(limit * limit - cornering * cornering))


@njit(cache=True, error_model="numpy")
def row_action(row, at, course, spacing_m, careful, latency_s):
    """What a row of ACTIONS or STOPS does at its beginning, as an action of the task."""
    v_x = at[V_X]
    steer = pursuit(row, at[S], at[LATERAL], at[HEADING_ERROR], v_x, at[YAW_RATE], course, spacing_m, careful)
    least = v_x - braking(row[SHARE], row[LEAST], steer, v_x, careful) * (DECISION_S + latency_s + careful[P_SPEED_TAU])
    return action_for(steer, least)


@njit(cache=True, error_model="numpy")
def manoeuvre_action(manoeuvre, at, course, spacing_m, careful, latency_s):
    """A manoeuvre, a row number of ACTIONS, as an action of the task."""
    return row_action(ACTIONS[manoeuvre], at, course, spacing_m, careful, latency_s)


@njit(cache=True, error_model="numpy")
def stopping_command(manoeuvre, ticks, s, lateral, heading_error, v_x, yaw_rate, course, spacing_m, careful):
    """What a manoeuvre, a row number of STOPS, says `ticks` after its beginning: (steering angle, rad; brake, A)."""
    row = STOPS[manoeuvre]
    steer = pursuit(row, s, lateral, heading_error, v_x, yaw_rate, course, spacing_m, careful)
    if v_x < LAST_M_S:
        return steer, FULL_BRAKE_A
    if ticks < row[ROLLS]:
        return steer, COAST_A
    deceleration = braking(max(1.0, row[SHARE]) if v_x < SLOW_M_S else row[SHARE], row[LEAST], steer, v_x, careful)
    return steer, min(FULL_BRAKE_A, deceleration / careful[P_MOTOR_GAIN])


@njit(cache=True, error_model="numpy")
def asked_acceleration(v_x, speed, brake_a, share, car):
    """What the motor controller asks of the wheels, m/s^2: for this share of the time a brake current, else to hold a speed."""
    accel = 0.0
    if share > 0.0:
        most = min(brake_a * car[P_MOTOR_GAIN], car[P_BRAKE])
        accel = -share * min(most, max(-most, v_x / (0.5 * TICK_S)))
    if share < 1.0:
        accel += (1.0 - share) * drive_acceleration(v_x, speed, car)
    return accel


@njit(cache=True, error_model="numpy")
def least_room(manoeuvre, goal_steer, goal_speed, lead, held, stopping, at, sent, course, spacing_m, obstacles, car,
               careful, latency_s, floor_m, line):  # fmt: skip
    """Smallest distance between body and whatever it may touch, m, through `lead` ticks of a goal, `held` more of the
    command that it has come to, and then a manoeuvre.

    Negative if it would touch, face backwards or not come to rest in time: -1 at once, nearer 0 the later. Once it is
    below floor_m nothing more is rolled out: how far below does not matter to who asks.

    manoeuvre: a row of STOPS if `stopping`, else of ACTIONS; goal_steer (rad), goal_speed (m/s): of the action that is in force first; stopping:
    whether the manoeuvre brakes by current, or by actions of the task. at (6,): the car now. sent (k, 3): commands of
    the last k ticks, newest last, k >= latency_s / TICK_S + 1. course: `Course.packed()`; obstacles: see `gap`.
    car: the packed car that drives; careful: the one that the manoeuvre reckons with. latency_s: from sending a command
    to its effect at the wheels. line (k + HORIZON_TICKS, N_LINE): is filled with the commands, the first new one in row
    k, and with what the car has turned and gone when they are sent.
    """
    past = sent.shape[0]
    line[:past, :N_COMMAND] = sent
    delay = min(latency_s / TICK_S, past - 1.0)
    whole = int(delay)
    part = delay - whole
    length_m = course.shape[0] * spacing_m
    wheelbase = car[P_FRONT] + car[P_REAR]
    begins = lead + held
    most_slip = least_grip(car) * GRAVITY_M_S2 * TICK_S
    most_turn = most_slip * car[P_MASS] * car[P_FRONT] / car[P_INERTIA]
    most_steer = car[P_STEER_RATE] * TICK_S
    s, lateral, heading_error, v_x, v_y, yaw_rate = at[0], at[1], at[2], at[3], at[4], at[5]
    newer, older = past - 1 - whole, max(0, past - 2 - whole)  # what was in force in the tick before
    steer = sent[newer, STEER] + part * (sent[older, STEER] - sent[newer, STEER]) + car[P_TRIM]
    brake_a, least, sliding = 0.0, 1e9, False
    may_stand = False  # slow by actions: who is in the way then is waited for, and need not be got past
    turned, way = 0.0, 0.0
    now = at.copy()
    for tick in range(HORIZON_TICKS):
        if tick >= begins:
            if stopping:
                goal_steer, brake_a = stopping_command(manoeuvre, tick - begins, s, lateral, heading_error, v_x,
                                                       yaw_rate, course, spacing_m, careful)  # fmt: skip
            elif (tick - begins) % TICKS_PER_DECISION == 0:
                now[0], now[1], now[2], now[3], now[5] = s, lateral, heading_error, v_x, yaw_rate
                b0, b1 = manoeuvre_action(manoeuvre, now, course, spacing_m, careful, latency_s)
                goal_steer, goal_speed = target(b0, b1)
        row = past + tick
        if lead <= tick < begins:
            goal_steer, goal_speed, brake_a = line[row - 1, STEER], line[row - 1, SPEED], line[row - 1, BRAKE]
        told = slew(line[row - 1, STEER], goal_steer, STEER_SLEW_RAD_S, TICK_S)
        line[row, STEER] = min(car[P_STEER_MAX], max(-car[P_STEER_MAX], told))  # as `supervision.execute`
        line[row, SPEED] = slew(line[row - 1, SPEED], goal_speed, SPEED_SLEW_M_S2, TICK_S) if brake_a == 0.0 else 0.0
        line[row, BRAKE] = brake_a
        line[row, TURNED], line[row, WAY] = turned, way
        newer, older = row - whole, max(0, row - whole - 1)
        steer_goal = line[newer, STEER] + part * (line[older, STEER] - line[newer, STEER]) + car[P_TRIM]
        held_a = (1.0 - part) * line[newer, BRAKE] + part * line[older, BRAKE]
        speed = line[newer, SPEED] + part * (line[older, SPEED] - line[newer, SPEED])
        brakes = 1.0 if held_a > 0.0 else 0.0  # share of the tick
        if brakes > 0.0 and line[older, BRAKE] == 0.0:
            brakes, held_a, speed = 1.0 - part, line[newer, BRAKE], line[older, SPEED]
        elif brakes > 0.0 and line[newer, BRAKE] == 0.0:
            brakes, held_a, speed = part, line[older, BRAKE], line[newer, SPEED]
        next_steer = steer + min(most_steer, max(-most_steer, steer_goal - steer))
        middle_steer = 0.5 * (steer + next_steer)
        steer = next_steer
        curvature = course[row_of(s / spacing_m, course.shape[0]), 4]
        half = 0.5 * TICK_S
        ds, dl, de = track_derivative(lateral, heading_error, v_x, v_y, yaw_rate, curvature)
        if v_x > KINEMATIC_SPEED_M_S or abs(v_y - car[P_REAR] * yaw_rate) > SLIDING_M_S:  # midpoint rule
            parts = 1 if v_x > KINEMATIC_SPEED_M_S else SLIDING_PARTS
            h = TICK_S / parts
            before_x, before_y, before_rate = v_x, v_y, yaw_rate
            for _ in range(parts):
                accel = asked_acceleration(v_x, speed, held_a, brakes, car)
                dvx, dvy, dr = body_derivative(v_x, v_y, yaw_rate, middle_steer, accel, car)
                mx, my, mr = v_x + 0.5 * h * dvx, v_y + 0.5 * h * dvy, yaw_rate + 0.5 * h * dr
                accel = asked_acceleration(mx, speed, held_a, brakes, car)
                dvx, dvy, dr = body_derivative(mx, my, mr, middle_steer, accel, car)
                v_x, v_y, yaw_rate = v_x + h * dvx, v_y + h * dvy, yaw_rate + h * dr
            mx, my, mr = 0.5 * (before_x + v_x), 0.5 * (before_y + v_y), 0.5 * (before_rate + yaw_rate)
        else:  # the tyres reach rolling as fast as friction lets them
            accel = asked_acceleration(v_x, speed, held_a, brakes, car)
            next_v_x = max(0.0, v_x + TICK_S * (accel + v_y * yaw_rate))
            rolling = next_v_x * math.tan(steer) / wheelbase
            next_yaw_rate = yaw_rate + min(most_turn, max(-most_turn, rolling - yaw_rate))
            next_v_y = v_y + min(most_slip, max(-most_slip, rolling * car[P_REAR] - v_y))
            mx, my, mr = 0.5 * (v_x + next_v_x), 0.5 * (v_y + next_v_y), 0.5 * (yaw_rate + next_yaw_rate)
            v_x, v_y, yaw_rate = next_v_x, next_v_y, next_yaw_rate
        curvature = course[row_of((s + half * ds) / spacing_m, course.shape[0]), 4]  # may change much within a tick
        ds, dl, de = track_derivative(lateral + half * dl, heading_error + half * de, mx, my, mr, curvature)
        s, lateral, heading_error = s + TICK_S * ds, lateral + TICK_S * dl, heading_error + TICK_S * de
        turned, way = turned + TICK_S * mr, way + TICK_S * mx
        least = min(least, clearance(s, lateral, heading_error, course, spacing_m, car))
        after_s = (tick + 1) * TICK_S
        if obstacles.shape[0] > 0 and not may_stand:
            least = min(least, gap(s, lateral, heading_error, obstacles, after_s, 0.0, length_m, car))
        if least < 0.0 or math.cos(heading_error) < (STOP_COSINE if stopping else 0.0):
            return tick / HORIZON_TICKS - 1.0
        if least < floor_m:
            return least
        sliding = abs(v_y - car[P_REAR] * yaw_rate) > SLIDING_M_S
        slow = v_x < CREEP_SPEED_M_S and not sliding and tick > begins
        if slow and not stopping and not may_stand:
            may_stand = True
            if obstacles.shape[0] > 0:
                least = min(least, gap(s, lateral, heading_error, obstacles, after_s, CREEP_GAP_M, length_m, car))
            if least < 0.0:
                return tick / HORIZON_TICKS - 1.0
        stands = stopping and abs(v_x) + abs(v_y) + abs(car[P_REAR] * yaw_rate) < STANDING_M_S and tick > begins
        outwards = heading_error if lateral > 0.0 else -heading_error
        follows = slow and -CREEP_INWARDS_RAD < outwards < CREEP_OUTWARDS_RAD
        if stands or (follows and (held_a > 0.0 or speed < CREEP_SPEED_M_S)):
            line[row + 1 :, STEER] = line[row, STEER]
            line[row + 1 :, BRAKE] = FULL_BRAKE_A
            line[row + 1 :, TURNED] = turned
            line[row + 1 :, WAY] = way
            if obstacles.shape[0] > 0 and not may_stand:
                least = min(least, gap(s, lateral, heading_error, obstacles, after_s, CREEP_GAP_M, length_m, car))
            return least if least >= 0.0 else tick / HORIZON_TICKS - 1.0
    settled = v_x < 2.0 * CREEP_SPEED_M_S and abs(heading_error) < CREEP_INWARDS_RAD and not sliding
    return least if settled else -1.0 / HORIZON_TICKS
