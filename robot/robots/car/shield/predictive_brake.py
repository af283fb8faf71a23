"""The predictive brake: an action is executed only if, after it, a stop is known that keeps the car off everything.

At every decision the proposed action is rolled out (`rollout.py`), followed by one of the manoeuvres. If one and the same
manoeuvre keeps the body `margin_m` away from walls and obstacles with the grip that is believed and with the least that
the car may have, and if so do several ways to be stopped by somebody else, who finds that nobody thinks any more and needs
his time for that, whenever in the decision it is that nobody thinks any more, the action is executed. Else little steps of the
steering are tried, then slowing down, then the ways towards the manoeuvres, then the manoeuvres themselves, at last how the stops
begin: as one of them was found safe one decision earlier, it is safe now, as far as the model holds. What is executed is always an
action of the task, so that a learner can learn from it.

The manoeuvre that made the action safe is remembered (`kept`), and the stop beside it. Whoever takes the wheel carries it on (`carry_on`),
found safe again in every tick, and if nobody thinks any more, `plan_stop` has written it down to its end.
"""

import numpy as np
from numba import njit

from robot.robots.car.shield.rollout import (
    ACTIONS,
    BRAKE,
    HARDEST,
    HEADING_ERROR,
    HORIZON_TICKS,
    LATERAL,
    N_LINE,
    ROLLS,
    SLOW_M_S,
    SPEED,
    STEER,
    STOPS,
    TURNED,
    V_X,
    V_Y,
    WAY,
    YAW_RATE,
    S,
    least_grip,
    least_room,
    manoeuvre_action,
    row_action,
    stopping_command,
    tail_minded,
)
from robot.robots.car.shield.stop_plan import NOTICED_TICKS
from robot.robots.car.shield.supervision import FULL_BRAKE_A
from robot.tasks.race_track.task import TICKS_PER_DECISION, target
from sim.car.model import P_REAR

AS_PROPOSED, SLOWER, STEERED, BACKUP, UNAVOIDABLE, BY_A_HAIR = range(6)

SLIPPERY_SHARE = 0.85  # of the nominal grip: what the car may have as long as nobody has measured it
SLIPPERY = (SLIPPERY_SHARE, SLIPPERY_SHARE)  # front and rear
MEASURED_SHARE = 0.95  # of the measured one
MARGIN_M = 0.03
STOP_ROOM_M = 0.15  # that is enough for a stop which is played by wheels and gyro alone;
DRIFT = 0.02  # with less, the further it goes, the less it knows where it is
UNSTOPPABLE_SHARE = 0.9  # of the margin, at most, is what an action without a stop behind it is worth
STOPS_WANTED = 2  # where one stop alone holds, it holds by a hair, and no car is quite as it is believed
SLIDE_RAD, STOPS_WANTED_SLIDING = 0.4, 3  # deeper than a fast line's drift
SLICK_GRIP = 0.75  # with less one more is wanted: a stop takes twice as long, and slides all the way
ROOM_TIE_M = 0.002  # candidates this close are equal: the later, more cautious one is taken

# What is tried in the action's place, gentlest first. Steps of the steering, as an action, towards the side where the
# manoeuvre would go, and shares of the way to its speed:
NUDGES = np.array([
    [0.06, 0.0], [-0.06, 0.0], [0.12, 0.0], [0.0, 0.2], [-0.12, 0.0], [0.12, 0.2], [0.25, 0.0], [-0.25, 0.0],
    [0.0, 0.5], [0.25, 0.3], [-0.12, 0.3],
])  # fmt: skip
# Then shares of the way from it to a manoeuvre's action (steering, speed).
BLENDS = np.array([[0.0, 0.5], [0.0, 1.0], [0.5, 0.5], [1.0, 1.0]])

# Arguments of `least_room` that are the same in every call. Without a type of NumPy's, Numba would compile the whole
# roll-out anew for each combination of them.
DECISION, NOTICED, AT_ONCE = np.int64(TICKS_PER_DECISION), np.int64(NOTICED_TICKS), np.int64(0)
BY_ACTIONS, BY_CURRENT = np.bool_(False), np.bool_(True)


@njit(cache=True, error_model="numpy")
def most_room(steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, enough_m, first, line):
    """(room that an action's goal leaves with either grip, m, the manoeuvre that leaves it): the first manoeuvre, from
    `first` on, that leaves enough, else the roomiest. Other arguments as `filter_action`."""
    best, which = -2.0, first
    for k in range(len(ACTIONS)):
        manoeuvre = (first + k) % len(ACTIONS)
        room = 1e9
        for j in (1, 0):  # the least grip refuses more
            if room > best + ROOM_TIE_M:
                room = min(room, least_room(manoeuvre, steer, speed, DECISION, AT_ONCE, BY_ACTIONS, at, sent, course,
                                            spacing_m, obstacles, cars[j], cars[1], latency_s, best + ROOM_TIE_M,
                                            line))  # fmt: skip
        if room > best + ROOM_TIE_M:
            best, which = room, manoeuvre
        if room >= enough_m:
            break
    return best, which


@njit(cache=True, error_model="numpy")
def stop_room(stop, steer, speed, lead, held, at, sent, course, spacing_m, obstacles, cars, latency_s, floor_m, line):
    """Room, m, that a row of STOPS leaves with either grip; with the least one also a tick later than reckoned.

    `line` is that of the grip that is believed where this is no less than `floor_m`. Other arguments as `least_room`.
    """
    late = held + (lead + held > 0)
    room = least_room(stop, steer, speed, lead, late, BY_CURRENT, at, sent, course, spacing_m, obstacles, cars[1], cars[1],
                      latency_s, floor_m, line)  # fmt: skip
    if room < floor_m:
        return room
    return min(room, least_room(stop, steer, speed, lead, held, BY_CURRENT, at, sent, course, spacing_m, obstacles,
                                cars[0], cars[1], latency_s, floor_m, line))  # fmt: skip


@njit(cache=True, error_model="numpy")
def roomiest_stop(
    steer, speed, lead, held, at, sent, course, spacing_m, obstacles, cars, latency_s, enough_m, first, line
):
    """(room that a stop leaves with either grip, m, its row of STOPS): the first, from `first` on, that leaves enough,
    else the roomiest; if that touches, the one that is roomiest with the grip that is believed; if that touches somebody,
    the first of STOPS, in which the hardest comes first, that keeps off the walls. Other arguments as `stop_room`."""
    best, which = -2.0, first
    for k in range(len(STOPS)):
        stop = (first + k) % len(STOPS)
        room = stop_room(stop, steer, speed, lead, held, at, sent, course, spacing_m, obstacles, cars, latency_s,
                         best + ROOM_TIE_M, line)  # fmt: skip
        if room > best + ROOM_TIE_M:
            best, which = room, stop
        if room >= enough_m:
            return best, which
    if best >= 0.0:
        return best, which
    likely = -2.0
    for k in range(len(STOPS)):
        stop = (first + k) % len(STOPS)
        room = least_room(stop, steer, speed, lead, held, BY_CURRENT, at, sent, course, spacing_m, obstacles, cars[0],
                          cars[1], latency_s, likely + ROOM_TIE_M, line)  # fmt: skip
        if room > likely + ROOM_TIE_M:
            likely, which = room, stop
    if (
        likely < 0.0 and obstacles.shape[0] > 0
    ):  # whom it cannot keep off, it must meet as slowly as can be, not as late
        for stop in range(len(STOPS)):
            if least_room(stop, steer, speed, lead, held, BY_CURRENT, at, sent, course, spacing_m, obstacles[:0], cars[0],
                          cars[1], latency_s, 0.0, line) >= 0.0:  # fmt: skip
                return best, stop
    return best, which


@njit(cache=True, error_model="numpy")
def room_meanwhile(steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, enough_m, first, line):
    """Least room, m, of the stops that begin in the ticks before an action's last: in a slide, that there is one afterwards
    does not say that there is one now. Below `enough_m` no later ones are looked for. Arguments as `roomiest_stop`."""
    least = 1e9
    for lead in range(1, TICKS_PER_DECISION):
        room, first = roomiest_stop(steer, speed, lead, NOTICED, at, sent, course, spacing_m, obstacles, cars, latency_s,
                                    enough_m, first, line)  # fmt: skip
        least = min(least, room)
        if least < enough_m:
            break
    return least


@njit(cache=True, error_model="numpy")
def room_left(a0, a1, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, line):
    """(room that an action leaves, m, the manoeuvre and the stop that leave it). Below the margin, but not below 0, if
    there is a manoeuvre after it that keeps the margin and no stop: the more, the later that touches."""
    steer, speed = target(a0, a1)
    room, manoeuvre = most_room(
        steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept[0], line
    )
    if room < margin_m:
        return room, manoeuvre, kept[1]
    stop_m, stop = roomiest_stop(steer, speed, DECISION, NOTICED, at, sent, course, spacing_m, obstacles,
                                 cars, latency_s, margin_m, kept[1], line)  # fmt: skip
    if stop_m >= margin_m:
        stop_m = room_meanwhile(
            steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, stop, line
        )
    if stop_m < margin_m:
        room = UNSTOPPABLE_SHARE * margin_m * (1.0 + max(-1.0, stop_m))
    return room, manoeuvre, stop


@njit(cache=True, error_model="numpy")
def slides(at, car):
    """Whether its rear slides so far that small errors decide how it ends."""
    return abs(at[V_Y] - car[P_REAR] * at[YAW_RATE]) > SLIDE_RAD * abs(at[V_X])


@njit(cache=True, error_model="numpy")
def first_of_enough_stops(steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, first, line):
    """The first, from `first` on, of the rows of STOPS that keep the margin after an action's goal; -1 if they are fewer than
    wanted, or if in a tick before then there is none. Other arguments as `roomiest_stop`."""
    found, wanted = -1, STOPS_WANTED_SLIDING if slides(at, cars[0]) or tail_minded(cars[0]) > 0.0 else STOPS_WANTED
    if least_grip(cars[1]) < SLICK_GRIP:
        wanted += 1
    for k in range(len(STOPS)):
        stop = (first + k) % len(STOPS)
        if stop_room(stop, steer, speed, DECISION, NOTICED, at, sent, course, spacing_m, obstacles, cars, latency_s,
                     margin_m, line) >= margin_m:  # fmt: skip
            found = stop if found < 0 else found
            wanted -= 1
            if wanted == 0:
                break
    if wanted > 0:
        return -1
    room = room_meanwhile(steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, found, line)
    return found if room >= margin_m else -1


@njit(cache=True, error_model="numpy")
def what_holds(a0, a1, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, line):
    """(manoeuvre, stop): the first of each that keep the margin after an action; -1 in place of one that there is not.
    What does not is rolled out until the margin is lost. There must be enough stops. Other arguments as `filter_action`."""
    steer, speed = target(a0, a1)
    found = -1
    for k in range(len(ACTIONS)):
        manoeuvre = (kept[0] + k) % len(ACTIONS)
        room = 1e9
        for j in (1, 0):  # the least grip refuses more
            if room >= margin_m:
                room = least_room(manoeuvre, steer, speed, DECISION, AT_ONCE, BY_ACTIONS, at, sent, course, spacing_m,
                                  obstacles, cars[j], cars[1], latency_s, margin_m, line)  # fmt: skip
        if room >= margin_m:
            found = manoeuvre
            break
    if found < 0:
        return -1, -1
    return found, first_of_enough_stops(
        steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept[1], line
    )


@njit(cache=True, error_model="numpy")
def begin_to_stop(at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, out, line):
    """Whether a stop's own beginning, as an action, leaves a stop (in every tick of the decision, at its end): it is written into
    `out`, the stop into `kept`.

    The stop that was found a decision ago is tried first; one that leaves a stop in every tick is preferred. Arguments as
    `filter_action`."""
    first, found = kept[1], False
    for k in range(len(STOPS)):
        row = (first + k) % len(STOPS)
        c0, c1 = row_action(STOPS[row], at, course, spacing_m, cars[1], latency_s)
        steer, speed = target(c0, c1)
        room, stop = roomiest_stop(steer, speed, DECISION, NOTICED, at, sent, course, spacing_m, obstacles, cars, latency_s,
                                   margin_m, row, line)  # fmt: skip
        if room < margin_m:
            continue
        least = room_meanwhile(
            steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, stop, line
        )
        if least >= margin_m or not found:
            found, kept[1], out[0], out[1] = True, stop, c0, c1
        if least >= margin_m:
            return True, True
    return False, found


@njit(cache=True, error_model="numpy")
def filter_action(a0, a1, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, out):
    """Write the action to execute into `out` (2,) and return the reason, one of AS_PROPOSED .. BY_A_HAIR: no way keeps
    the margin, but one keeps off. BACKUP is a manoeuvre's own action, or how a stop begins.

    a0, a1: proposed action. at (6,): place on the course and motion at the time of the decision, as in `rollout.S` ..
    `rollout.YAW_RATE`. sent (k, 3): the commands of the last k ticks, newest last, in force; k covers the latency:
    k >= latency_s / TICK_S + 1. course: `Course.packed()`; obstacles (n, 4): see `rollout.gap`; cars (2, n): see
    `rollout.believed_cars`. latency_s: from sending a command to its effect at the wheels; margin_m: room to keep.
    kept (2,) int64: the manoeuvre (of ACTIONS) and the stop (of STOPS) that are being kept, in and out.
    """
    line = np.empty((sent.shape[0] + HORIZON_TICKS, N_LINE))
    out[0], out[1] = a0, a1
    manoeuvre, stop = what_holds(a0, a1, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, line)
    if stop >= 0:
        kept[0], kept[1] = manoeuvre, stop
        return AS_PROPOSED
    b0, b1 = manoeuvre_action(kept[0], at, course, spacing_m, cars[1], latency_s)
    side = 1.0 if b0 > a0 else -1.0
    for steered, slowed in NUDGES:
        c0, c1 = min(1.0, max(-1.0, a0 + side * steered)), a1 + slowed * min(0.0, b1 - a1)
        manoeuvre, stop = what_holds(
            c0, c1, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, line
        )
        if stop >= 0:
            kept[0], kept[1], out[0], out[1] = manoeuvre, stop, c0, c1
            return SLOWER if steered == 0.0 else STEERED
    best, reason = -2.0, UNAVOIDABLE
    found, towards = kept.copy(), kept.copy()
    for steered, slowed in BLENDS:
        for k in range(len(ACTIONS)):
            towards[0] = (kept[0] + k) % len(ACTIONS)
            b0, b1 = manoeuvre_action(towards[0], at, course, spacing_m, cars[1], latency_s)
            c0, c1 = a0 + steered * (b0 - a0), a1 + slowed * min(0.0, b1 - a1)
            room, manoeuvre, stop = room_left(c0, c1, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m,
                                              towards, line)  # fmt: skip
            how = SLOWER if steered == 0.0 else STEERED if steered < 1.0 else BACKUP
            if room >= margin_m:
                steer, speed = target(c0, c1)
                holds = first_of_enough_stops(
                    steer, speed, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, stop, line
                )
                if holds >= 0:
                    kept[0], kept[1], out[0], out[1] = manoeuvre, holds, c0, c1
                    return how
            if room >= best - ROOM_TIE_M:
                best, reason = max(best, room), how
                found[0], found[1], out[0], out[1] = manoeuvre, stop, c0, c1
    if at[V_X] > SLOW_M_S:
        begun, beginning = kept.copy(), np.empty(2)
        always, at_its_end = begin_to_stop(
            at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, begun, beginning, line
        )
        if always or (at_its_end and best < margin_m):
            kept[:], out[:] = begun, beginning
            return BACKUP
    kept[:] = found
    if best >= margin_m:
        return reason
    if best >= 0.0:
        return BY_A_HAIR
    for k in range(len(ACTIONS)):  # with the least grip it will touch; with the believed one it need not
        manoeuvre = (kept[0] + k) % len(ACTIONS)
        b0, b1 = manoeuvre_action(manoeuvre, at, course, spacing_m, cars[0], latency_s)
        steer, speed = target(b0, b1)
        room = least_room(manoeuvre, steer, speed, DECISION, AT_ONCE, BY_ACTIONS, at, sent, course, spacing_m,
                          obstacles, cars[0], cars[0], latency_s, best, line)  # fmt: skip
        if room >= 0.0 and room > best:
            best, out[0], out[1] = room, b0, b1
    if best < 0.0:
        out[0] = manoeuvre_action(HARDEST, at, course, spacing_m, cars[1], latency_s)[0]
        out[1] = -1.0  # as slowly as it can
    return UNAVOIDABLE


@njit(cache=True, error_model="numpy")
def carry_on(at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, out):
    """The stop's command for this tick into `out` (2,): steering angle, rad, and brake current, A. Returns its room, m.

    It is that of the kept stop if that keeps the margin with either grip; else of the next that does; else of the
    roomiest, negative if that touches. One that rolls first is not kept: who needs it rolls as long as no other holds.
    Arguments as `filter_action`.
    """
    line = np.empty((sent.shape[0] + HORIZON_TICKS, N_LINE))
    best, found = roomiest_stop(0.0, 0.0, AT_ONCE, AT_ONCE, at, sent, course, spacing_m, obstacles, cars, latency_s,
                                margin_m, kept[1], line)  # fmt: skip
    kept[1] = found if STOPS[found, ROLLS] == 0.0 else HARDEST
    out[0], out[1] = stopping_command(found, AT_ONCE, at[S], at[LATERAL], at[HEADING_ERROR], at[V_X], at[YAW_RATE],
                                      course, spacing_m, cars[1])  # fmt: skip
    return best


@njit(cache=True, error_model="numpy")
def stop_without_eyes(
    steer, speed, lead, at, sent, course, spacing_m, obstacles, cars, latency_s, enough_m, first, line
):
    """(room, m, row of STOPS) of the stop to play by wheels and gyro alone: the first that leaves enough, else of those that
    keep off the one with the most room beside what it drifts, else the roomiest. If it keeps off, `line` holds it, with the grip
    that is believed. Arguments as `roomiest_stop`."""
    room, found = roomiest_stop(steer, speed, lead, AT_ONCE, at, sent, course, spacing_m, obstacles, cars, latency_s, enough_m,
                                first, line)  # fmt: skip
    if room >= enough_m or room < 0.0:
        return room, found
    best = -1e9
    for k in range(len(STOPS)):
        stop = (first + k) % len(STOPS)
        room = stop_room(
            stop, steer, speed, lead, AT_ONCE, at, sent, course, spacing_m, obstacles, cars, latency_s, 0.0, line
        )
        if room >= 0.0 and room - DRIFT * line[-1, WAY] > best + ROOM_TIE_M:
            best, found = room - DRIFT * line[-1, WAY], stop
    room = stop_room(
        found, steer, speed, lead, AT_ONCE, at, sent, course, spacing_m, obstacles, cars, latency_s, 0.0, line
    )
    return room, found


@njit(cache=True, error_model="numpy")
def plan_stop(lead, at, sent, course, spacing_m, obstacles, cars, latency_s, margin_m, kept, plan):
    """Write the stop that is being kept into `plan` (n, 4), n < HORIZON_TICKS: steering angle, rad, and brake, A,
    and what the car has turned, rad, and gone, m, by then.

    `sent` ends with this tick's command. Row k is to be sent k + 1 ticks after it. It is reckoned that this command goes
    on for `lead` ticks, until somebody notices that nobody thinks any more; who is quicker brakes at once. The
    stop is that of `stop_without_eyes`, and is kept then, unless it touches or rolls first. Other arguments as `filter_action`.
    """
    past = sent.shape[0] - 1
    line = np.empty((past + HORIZON_TICKS, N_LINE))
    ticks = 0 if sent[past, BRAKE] > 0.0 else 1 + lead
    steer, speed = sent[past, STEER], sent[past, SPEED]
    room, found = stop_without_eyes(steer, speed, ticks, at, sent[:past], course, spacing_m, obstacles, cars, latency_s,
                                    max(margin_m, STOP_ROOM_M), kept[1], line)  # fmt: skip
    if room < 0.0:
        line[past:, BRAKE] = -1.0  # beyond a touch nothing is rolled out
        least_room(found, steer, speed, ticks, AT_ONCE, BY_CURRENT, at, sent[:past], course, spacing_m, obstacles, cars[0],
                   cars[1], latency_s, -2.0, line)  # fmt: skip
    elif STOPS[found, ROLLS] == 0.0:
        kept[1] = found
    turned, way = 0.0, 0.0
    for k in range(plan.shape[0]):
        row = past + 1 + k
        if line[row, BRAKE] >= 0.0:
            steer, turned, way = line[row, STEER], line[row, TURNED], line[row, WAY]
        brake_a = line[max(row, past + ticks), BRAKE]
        plan[k, 0] = steer
        plan[k, 1] = brake_a if brake_a > 0.0 else FULL_BRAKE_A
        plan[k, 2], plan[k, 3] = turned, way
