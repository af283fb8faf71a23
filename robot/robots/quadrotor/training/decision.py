"""A decision of a window of flight, lanes last: what reaches the rotors, what it costs, who still counts; and the adjoints of these.

What `window.py` and `recurrent_window.py` have in common. Everything has a row for a number and a column for each of LANES
drones; the functions are plain, to be compiled by `sim.single_precision.specialise` as parts of a window.

All prices are on what the policy observes, whose first 18 columns every flying task gives the same meaning (see
`robot/tasks/hover.py`): a window needs of a task just `observe`, and that its further columns, if there are any, do not
depend on the drone's state.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import uintp

from robot.tasks import hover

LANES = uintp(64)  # drones of a window: windows supply their own
SEEN_POSITION, SEEN_ROTATION, SEEN_VELOCITY, SEEN_RATE = hover.SPEC.places(
    "position_error", "rotation", "velocity_error", "angular_rate"
)


class Objective(NamedTuple):
    """What a decision costs, all float32."""

    position: float = 15.0  # per metre, far away
    position_knee_m: float = 0.05  # nearer than this the price is quadratic
    # Per metre more, close by: between these two distances, so that who is far away pays no more for going on.
    near: float = 0.0
    near_knee_m: float = 0.02
    near_m: float = 0.15
    attitude: float = 2.0  # of 1 - q_w^2
    velocity: float = 0.1
    rate: float = 0.02
    # Per rad/s more, of who has long arrived: between these two, so that who is pushed pays no more for turning fast.
    calm: float = 0.0
    calm_knee_rad_s: float = 0.1
    calm_rad_s: float = 2.0
    calm_after: float = 400.0  # decisions since the start
    action: float = 0.02  # of the squared difference to hovering
    action_change: float = 6.0  # of the squared difference to the last action
    wall: float = 2000.0  # of the squared distance, in each coordinate, beyond
    wall_m: float = 0.3
    wall_thickness_m: float = 1e3  # after which the price of the distance is linear
    fast: float = 0.0  # of the square of what each velocity has more than
    fast_m_s: float = 1.6
    crash_m: float = 1.0  # a drone so far away, or turning so fast, no longer counts
    crash_rate_rad_s: float = 60.0
    discount: float = 0.98  # of the drone's adjoint, each decision
    adjoint_max: float = 1e4  # length to which it is clipped
    memory_adjoint_max: float = 1e4  # ... and that of a policy's memory
    action_adjoint_max: float = 1e3  # ... and that of an action, which the next decision sees: a memory as well


def look_adjoint(state, d_seen, scale, d_state):
    """Reverse of observing the state: add to its adjoint."""
    p, v, w, r = SEEN_POSITION, SEEN_VELOCITY, SEEN_RATE, SEEN_ROTATION
    for k in range(3):
        for i in range(LANES):
            d_state[k, i] += scale[p + k] * d_seen[p + k, i]
            d_state[7 + k, i] += scale[v + k] * d_seen[v + k, i]
            d_state[10 + k, i] += scale[w + k] * d_seen[w + k, i]
    for i in range(LANES):
        q_w, x, y, z = state[3, i], state[4, i], state[5, i], state[6, i]
        xx, xy, xz = d_seen[r, i], d_seen[r + 1, i], d_seen[r + 2, i]
        yx, yy, yz = d_seen[r + 3, i], d_seen[r + 4, i], d_seen[r + 5, i]
        zx, zy, zz = d_seen[r + 6, i], d_seen[r + 7, i], d_seen[r + 8, i]
        d_state[3, i] += 2.0 * (z * (yx - xy) + y * (xz - zx) + x * (zy - yz))
        d_state[4, i] += 2.0 * (y * (xy + yx) + z * (xz + zx) + q_w * (zy - yz)) - 4.0 * x * (yy + zz)
        d_state[5, i] += 2.0 * (x * (xy + yx) + q_w * (xz - zx) + z * (yz + zy)) - 4.0 * y * (xx + zz)
        d_state[6, i] += 2.0 * (q_w * (yx - xy) + x * (xz + zx) + y * (yz + zy)) - 4.0 * z * (xx + yy)


def crash(seen, scale, objective, t, state, crashes):
    """Note who ceases to count at decision t, and put them to rest, so that their numbers stay finite."""
    far, fast = objective.crash_m * scale[SEEN_POSITION], objective.crash_rate_rad_s * scale[SEEN_RATE]
    for i in range(LANES):
        near, slow = True, True
        for k in range(3):
            near = near and abs(seen[SEEN_POSITION + k, i]) < far
            slow = slow and abs(seen[SEEN_RATE + k, i]) < fast
        if not (near and slow):
            crashes[i] = min(crashes[i], t)
            for row in range(13):
                state[row, i] = 1.0 if row == 3 else 0.0
            for row in range(seen.shape[0]):
                seen[row, i] = 0.0


def delay(actions, newest, shares, commands):
    """Commands that reach the rotors, as old as each drone's latency; newest: of `actions`, the decision's own."""
    commands[:] = 0.5
    for tap in range(shares.shape[0]):
        share, of = shares[tap], actions[newest - tap]
        for k in range(4):
            for i in range(LANES):
                commands[k, i] += 0.5 * share[i] * of[k, i]


def delay_adjoint(d_commands, newest, shares, d_actions):
    """Reverse of `delay`: add to the adjoint of the actions."""
    for tap in range(shares.shape[0]):
        share, of = shares[tap], d_actions[newest - tap]
        for k in range(4):
            for i in range(LANES):
                of[k, i] += 0.5 * share[i] * d_commands[k, i]


def price(seen, scale, o, t, crashes, costs, d_seen):
    """Add what the observed states cost to each drone's costs (LANES,), if it still counts; adds to the gradient.

    seen, d_seen: flat, so that rows are known to be apart and lanes are done at once.
    """
    p, v, w, r = SEEN_POSITION * LANES, SEEN_VELOCITY * LANES, SEEN_RATE * LANES, SEEN_ROTATION * LANES
    metres, seconds, radians = 1.0 / scale[SEEN_POSITION], 1.0 / scale[SEEN_VELOCITY], 1.0 / scale[SEEN_RATE]
    knee = o.position_knee_m
    for i in range(LANES):
        on = 1.0 if t < crashes[i] else 0.0
        x, y, z = metres * seen[p + i], metres * seen[p + LANES + i], metres * seen[p + 2 * LANES + i]
        square = x * x + y * y + z * z
        distance = math.sqrt(square + knee * knee)
        close, away = math.sqrt(square + o.near_knee_m * o.near_knee_m), math.sqrt(square + o.near_m * o.near_m)
        cost = o.position * (distance - knee) + o.near * (close - o.near_knee_m - away + o.near_m)
        pull = o.position / distance + o.near / close - o.near / away
        for k in range(3):
            at = LANES * k + i
            error, velocity, rate = metres * seen[p + at], seconds * seen[v + at], radians * seen[w + at]
            beyond = max(0.0, abs(error) - o.wall_m)
            within = min(beyond, o.wall_thickness_m)
            fast = max(0.0, abs(velocity) - o.fast_m_s)
            cost += o.wall * (within * within + 2.0 * o.wall_thickness_m * (beyond - within))
            cost += o.velocity * velocity * velocity + o.fast * fast * fast + o.rate * rate * rate
            cost += 0.25 * o.attitude * (1.0 - seen[r + 3 * LANES * k + at])
            wall = 2.0 * o.wall * within * (1.0 if error > 0.0 else -1.0)
            more = 2.0 * o.fast * fast * (1.0 if velocity > 0.0 else -1.0)
            d_seen[p + at] += on * metres * (pull * error + wall)
            d_seen[v + at] += on * seconds * (2.0 * o.velocity * velocity + more)
            d_seen[w + at] += on * radians * 2.0 * o.rate * rate
            d_seen[r + 3 * LANES * k + at] -= on * 0.25 * o.attitude
        costs[i] += on * cost


def price_calm(seen, scale, o, t, ages, crashes, costs, d_seen):
    """Add what turning costs those who are to hover by now, as `price` does. ages (LANES,): decisions since the start, at t = 0."""
    w, radians = SEEN_RATE * LANES, 1.0 / scale[SEEN_RATE]
    for i in range(LANES):
        calm = o.calm if t < crashes[i] and ages[i] + np.float32(t) > o.calm_after else 0.0
        x, y, z = radians * seen[w + i], radians * seen[w + LANES + i], radians * seen[w + 2 * LANES + i]
        square = x * x + y * y + z * z
        slow, swift = (
            math.sqrt(square + o.calm_knee_rad_s * o.calm_knee_rad_s),
            math.sqrt(square + o.calm_rad_s * o.calm_rad_s),
        )
        costs[i] += calm * (slow - o.calm_knee_rad_s - swift + o.calm_rad_s)
        pull = calm * radians * (1.0 / slow - 1.0 / swift)
        d_seen[w + i] += pull * x
        d_seen[w + LANES + i] += pull * y
        d_seen[w + 2 * LANES + i] += pull * z


def price_actions(actions, before, hover_actions, o, t, crashes, costs, d_actions, d_before):
    """Add what a decision's actions cost after those `before`; adds to both gradients, and clears those of the crashed."""
    for k in range(4):
        for i in range(LANES):
            on = 1.0 if t < crashes[i] else 0.0
            error, change = actions[k, i] - hover_actions[i], actions[k, i] - before[k, i]
            costs[i] += on * (o.action * error * error + o.action_change * change * change)
            d_actions[k, i] = on * (d_actions[k, i] + 2.0 * (o.action * error + o.action_change * change))
            d_before[k, i] -= on * 2.0 * o.action_change * change


def forget(t, crashes, adjoint):
    """Nothing is to be learned from what a crashed drone does: adjoint (rows, LANES)."""
    for i in range(LANES):
        if t >= crashes[i]:
            for row in range(adjoint.shape[0]):
                adjoint[row, i] = 0.0


def restrain(adjoint, rows, discount, most):
    """Discount every drone's adjoint (rows, LANES), and clip its length; flat, as in `price`, and rows a constant where it can be."""
    for i in range(LANES):
        square = 1e-12
        for row in range(rows):
            square += adjoint[row * LANES + i] * adjoint[row * LANES + i]
        factor = discount * min(1.0, most / math.sqrt(square))
        for row in range(rows):
            adjoint[row * LANES + i] *= factor
