"""The batched simulator's kernel: dynamics, delay, walls, observation, reward, ends and resets in one pass over memory.

Cars live in blocks of `LANES` (structure of arrays inside a block), so that one vector instruction works on eight of
them. `state[block * ROWS * LANES + row * LANES + lane]`, float32, holds what is real about a car: its motion, the
commands on their way to its wheels, its parameters; `counters`, uint32, of the same layout, the rest. Addresses are
unsigned and their strides compile-time constants: anything else, and LLVM's loop vectoriser gives up.

The equations are those of `sim.car`, the meaning that of a task's module. These functions are plain Python:
`sim.car_batch.build_step` supplies the task and the block's width, and compiles all of it in single precision.
"""

from typing import Any

import numpy as np
from numba import prange, uint32, uintp

from sim.car import (
    N_PARAMETERS,
    P_CAPACITY_A_S,
    P_DELAY,
    P_GRIP,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_INERTIA,
    P_MASS,
    P_TRIM,
    PHYSICS_STEP_S,
    body_derivative,
    drawn_current,
    drive_on_battery,
    steering_rate,
    track_derivative,
)

# Supplied by `build_step`: the block's width, and what a task's module says.
LANES: int
STEER_SLEW_RAD_S: float
SPEED_SLEW_M_S2: float
target: Any
slew: Any
observe: Any
reward: Any
ends: Any

RING = 8  # physics steps that a command may be under way: delays below 80 ms
STEPS_PER_TICK = 2

# Rows of a block's float32 memory.
(S, LATERAL, HEADING_ERROR, V_X, V_Y, YAW_RATE, STEER, CHARGE, PROGRESS,
 STEER_COMMAND, SPEED_COMMAND, LAST_0, LAST_1, BEFORE_0, BEFORE_1, STEER_GOAL, SPEED_GOAL,
 STEER_ARRIVED, SPEED_ARRIVED, CURVATURE, CURVATURE_SLOPE, LEFT, LEFT_SLOPE, RIGHT, RIGHT_SLOPE,
 SPACING, LENGTH, STEER_RING) = range(28)  # fmt: skip
SPEED_RING = STEER_RING + RING
PARAMETERS = SPEED_RING + RING
ROWS = PARAMETERS + N_PARAMETERS

# Rows of a block's uint32 memory.
RANDOM, AGE, END, CLOCK, DELAY, FIRST_ROW, N_COURSE_ROWS = range(7)
COUNTERS = 7

# Columns of the course rows: values at a row and their change to the next row.
(ROW_CURVATURE, ROW_LEFT, ROW_RIGHT, ROW_CURVATURE_CHANGE, ROW_LEFT_CHANGE, ROW_RIGHT_CHANGE) = range(6)
# Columns of the list of courses.
COURSE_FIRST_ROW, COURSE_N_ROWS, COURSE_SPACING = range(3)

# Entries of `spread`: how cars and starts are drawn.
(SPREAD_GRIP, SPREAD_MASS, SPREAD_DELAY_S, SPREAD_TRIM_RAD, CHARGE_LOW, START_LATERAL, START_HEADING_RAD,
 START_SPEED_LOW, START_SPEED_HIGH) = range(9)  # fmt: skip

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2


def row_at(block, row, lane):
    """Address of one lane's value in a row of `state`."""
    return (uintp(block) * uintp(ROWS) + uintp(row)) * uintp(LANES) + uintp(lane)


def counter_at(block, row, lane):
    """Address of one lane's value in a row of `counters`."""
    return (uintp(block) * uintp(COUNTERS) + uintp(row)) * uintp(LANES) + uintp(lane)


def lane_parameters(state, block, lane):
    """One lane's car parameters, as the tuple that the equations of `sim.car` index."""
    i, k = row_at(block, PARAMETERS, lane), uintp(LANES)
    return (
        state[i], state[i + k], state[i + uintp(2) * k], state[i + uintp(3) * k], state[i + uintp(4) * k],
        state[i + uintp(5) * k], state[i + uintp(6) * k], state[i + uintp(7) * k], state[i + uintp(8) * k],
        state[i + uintp(9) * k], state[i + uintp(10) * k], state[i + uintp(11) * k], state[i + uintp(12) * k],
        state[i + uintp(13) * k], state[i + uintp(14) * k], state[i + uintp(15) * k], state[i + uintp(16) * k],
        state[i + uintp(17) * k], state[i + uintp(18) * k], state[i + uintp(19) * k], state[i + uintp(20) * k],
        state[i + uintp(21) * k], state[i + uintp(22) * k], state[i + uintp(23) * k], state[i + uintp(24) * k],
    )  # fmt: skip


def take_actions(state, actions, block):
    """Turn the block's actions into goals of the commands, and remember the last two actions."""
    for lane in range(LANES):
        car = uintp(block) * uintp(LANES) + uintp(lane)
        a0 = min(1.0, max(-1.0, actions[uintp(2) * car]))
        a1 = min(1.0, max(-1.0, actions[uintp(2) * car + uintp(1)]))
        steer_goal, speed_goal = target(a0, a1)
        state[row_at(block, STEER_GOAL, lane)] = steer_goal
        state[row_at(block, SPEED_GOAL, lane)] = speed_goal
        state[row_at(block, BEFORE_0, lane)] = state[row_at(block, LAST_0, lane)]
        state[row_at(block, BEFORE_1, lane)] = state[row_at(block, LAST_1, lane)]
        state[row_at(block, LAST_0, lane)] = a0
        state[row_at(block, LAST_1, lane)] = a1
        state[row_at(block, PROGRESS, lane)] = 0.0


def send_commands(state, block, slew_s, slot):
    """Move the commands towards their goals by `slew_s`, and send them on their way in a slot of the ring."""
    for lane in range(LANES):
        steer = slew(state[row_at(block, STEER_COMMAND, lane)], state[row_at(block, STEER_GOAL, lane)],
                     STEER_SLEW_RAD_S, slew_s)  # fmt: skip
        speed = slew(state[row_at(block, SPEED_COMMAND, lane)], state[row_at(block, SPEED_GOAL, lane)],
                     SPEED_SLEW_M_S2, slew_s)  # fmt: skip
        state[row_at(block, STEER_COMMAND, lane)] = steer
        state[row_at(block, SPEED_COMMAND, lane)] = speed
        state[row_at(block, STEER_RING + slot, lane)] = steer
        state[row_at(block, SPEED_RING + slot, lane)] = speed


def look_up(state, counters, course_rows, block, slot):
    """Gather what a step needs from each lane's own place in memory: the course here, the command that arrives now."""
    for lane in range(LANES):
        exact = state[row_at(block, S, lane)] / state[row_at(block, SPACING, lane)]
        whole = int(exact)
        part = exact - np.float32(whole)
        row = uintp(counters[counter_at(block, FIRST_ROW, lane)]) + uintp(whole)
        per_m = 1.0 / state[row_at(block, SPACING, lane)]
        for k in range(3):
            change = course_rows[row, uintp(ROW_CURVATURE_CHANGE + k)]
            state[row_at(block, CURVATURE + 2 * k, lane)] = course_rows[row, uintp(k)] + part * change
            state[row_at(block, CURVATURE_SLOPE + 2 * k, lane)] = change * per_m
        sent = (uintp(slot) - uintp(counters[counter_at(block, DELAY, lane)])) & uintp(RING - 1)
        state[row_at(block, STEER_ARRIVED, lane)] = state[row_at(block, uintp(STEER_RING) + sent, lane)]
        state[row_at(block, SPEED_ARRIVED, lane)] = state[row_at(block, uintp(SPEED_RING) + sent, lane)]


def derivative(lateral, heading_error, v_x, v_y, yaw_rate, steer, accel, curvature, p):
    """Of (s, lateral, heading_error, v_x, v_y, yaw_rate)."""
    ds, dlateral, dheading = track_derivative(lateral, heading_error, v_x, v_y, yaw_rate, curvature)
    dv_x, dv_y, dyaw_rate = body_derivative(v_x, v_y, yaw_rate, steer, accel, p)
    return ds, dlateral, dheading, dv_x, dv_y, dyaw_rate


def move(state, counters, block):
    """One physics step of every lane that still runs: RK4, then the task's verdict on where the car is."""
    h, half, sixth = PHYSICS_STEP_S, 0.5 * PHYSICS_STEP_S, PHYSICS_STEP_S / 6.0
    for lane in range(LANES):
        p = lane_parameters(state, block, lane)
        s, d, e = state[row_at(block, S, lane)], state[row_at(block, LATERAL, lane)], state[row_at(block, HEADING_ERROR, lane)]
        v_x, v_y, r = state[row_at(block, V_X, lane)], state[row_at(block, V_Y, lane)], state[row_at(block, YAW_RATE, lane)]
        steer, charge = state[row_at(block, STEER, lane)], state[row_at(block, CHARGE, lane)]
        curvature, bend = state[row_at(block, CURVATURE, lane)], state[row_at(block, CURVATURE_SLOPE, lane)]
        accel = drive_on_battery(v_x, state[row_at(block, SPEED_ARRIVED, lane)], charge, p)
        rate = steering_rate(steer, state[row_at(block, STEER_ARRIVED, lane)], p, h)
        s1, d1, e1, x1, y1, r1 = derivative(d, e, v_x, v_y, r, steer, accel, curvature, p)
        s2, d2, e2, x2, y2, r2 = derivative(
            d + half * d1, e + half * e1, v_x + half * x1, v_y + half * y1, r + half * r1, steer + half * rate, accel,
            curvature + bend * (half * s1), p)  # fmt: skip
        s3, d3, e3, x3, y3, r3 = derivative(
            d + half * d2, e + half * e2, v_x + half * x2, v_y + half * y2, r + half * r2, steer + half * rate, accel,
            curvature + bend * (half * s2), p)  # fmt: skip
        s4, d4, e4, x4, y4, r4 = derivative(
            d + h * d3, e + h * e3, v_x + h * x3, v_y + h * y3, r + h * r3, steer + h * rate, accel,
            curvature + bend * (h * s3), p)  # fmt: skip
        ended = counters[counter_at(block, END, lane)]
        go = 1.0 if ended == uint32(RUNNING) else 0.0
        k = go * sixth
        moved = k * (s1 + 2.0 * (s2 + s3) + s4)
        d += k * (d1 + 2.0 * (d2 + d3) + d4)
        e += k * (e1 + 2.0 * (e2 + e3) + e4)
        place = s + moved
        length = state[row_at(block, LENGTH, lane)]
        place = place - length if place >= length else place
        place = place + length if place < 0.0 else place
        state[row_at(block, S, lane)] = place
        state[row_at(block, LATERAL, lane)] = d
        state[row_at(block, HEADING_ERROR, lane)] = e
        state[row_at(block, V_X, lane)] = v_x + k * (x1 + 2.0 * (x2 + x3) + x4)
        state[row_at(block, V_Y, lane)] = v_y + k * (y1 + 2.0 * (y2 + y3) + y4)
        state[row_at(block, YAW_RATE, lane)] = r + k * (r1 + 2.0 * (r2 + r3) + r4)
        state[row_at(block, STEER, lane)] = steer + go * h * rate
        state[row_at(block, CHARGE, lane)] = max(0.0, charge - h * drawn_current(v_x, accel, p) / p[P_CAPACITY_A_S])
        state[row_at(block, PROGRESS, lane)] += moved
        left = state[row_at(block, LEFT, lane)] + state[row_at(block, LEFT_SLOPE, lane)] * moved
        right = state[row_at(block, RIGHT, lane)] + state[row_at(block, RIGHT_SLOPE, lane)] * moved
        verdict = uint32(ends(d, e, left, right, p[P_HALF_LENGTH], p[P_HALF_WIDTH]))
        counters[counter_at(block, END, lane)] = uint32(ended | verdict)


def pay(state, counters, rewards, end_flags, block, age_max):
    """Write the block's rewards and ends; return non-zero if any car has ended."""
    any_ended = uint32(0)
    for lane in range(LANES):
        car = uintp(block) * uintp(LANES) + uintp(lane)
        end = counters[counter_at(block, END, lane)]
        age = uint32(counters[counter_at(block, AGE, lane)] + uint32(1))
        rewards[car] = reward(state[row_at(block, PROGRESS, lane)], end == uint32(TERMINATED), 0.0)
        out_of_time = uint32(TRUNCATED) if age >= age_max else uint32(RUNNING)
        end = end if end != uint32(RUNNING) else out_of_time
        counters[counter_at(block, AGE, lane)] = age
        counters[counter_at(block, END, lane)] = end
        end_flags[car] = end
        any_ended = uint32(any_ended | end)
    return any_ended


def observe_lane(state, counters, preview, block, lane, out):
    """Write one car's observation."""
    observe(
        state[row_at(block, V_X, lane)], state[row_at(block, V_Y, lane)], state[row_at(block, YAW_RATE, lane)],
        state[row_at(block, STEER_COMMAND, lane)], state[row_at(block, SPEED_COMMAND, lane)],
        state[row_at(block, LAST_0, lane)], state[row_at(block, LAST_1, lane)],
        state[row_at(block, BEFORE_0, lane)], state[row_at(block, BEFORE_1, lane)],
        state[row_at(block, S, lane)], state[row_at(block, LATERAL, lane)], state[row_at(block, HEADING_ERROR, lane)],
        preview, counters[counter_at(block, FIRST_ROW, lane)], counters[counter_at(block, N_COURSE_ROWS, lane)],
        state[row_at(block, SPACING, lane)], out,
    )  # fmt: skip


def uniform(counters, block, lane, low, high):
    """The lane's next random number between low and high: xorshift32 (Marsaglia, 2003), its upper 24 bits."""
    bits = counters[counter_at(block, RANDOM, lane)]
    bits = uint32(bits ^ uint32(bits << uint32(13)))
    bits = uint32(bits ^ uint32(bits >> uint32(17)))
    bits = uint32(bits ^ uint32(bits << uint32(5)))
    counters[counter_at(block, RANDOM, lane)] = bits
    return low + (high - low) * (np.float32(bits >> uint32(8)) * 2.0**-24)


def reset_lane(state, counters, courses, course_rows, nominal, spread, block, lane):
    """Put a new car on a new place: parameters, course and start drawn by the lane's own generator."""
    for k in range(N_PARAMETERS):
        state[row_at(block, PARAMETERS + k, lane)] = nominal[k]
    mass = 1.0 + spread[SPREAD_MASS] * uniform(counters, block, lane, -1.0, 1.0)
    grip = 1.0 + spread[SPREAD_GRIP] * uniform(counters, block, lane, -1.0, 1.0)
    delay = nominal[P_DELAY] + spread[SPREAD_DELAY_S] * uniform(counters, block, lane, -1.0, 1.0)
    state[row_at(block, PARAMETERS + P_MASS, lane)] *= mass
    state[row_at(block, PARAMETERS + P_INERTIA, lane)] *= mass
    state[row_at(block, PARAMETERS + P_GRIP, lane)] *= grip
    state[row_at(block, PARAMETERS + P_DELAY, lane)] = delay
    state[row_at(block, PARAMETERS + P_TRIM, lane)] += spread[SPREAD_TRIM_RAD] * uniform(counters, block, lane, -1.0, 1.0)
    counters[counter_at(block, DELAY, lane)] = uint32(max(0.0, delay) / PHYSICS_STEP_S + 0.5)

    course = int(uniform(counters, block, lane, 0.0, np.float32(courses.shape[0])))
    n_rows, spacing = int(courses[course, COURSE_N_ROWS]), np.float32(courses[course, COURSE_SPACING])
    row = int(uniform(counters, block, lane, 0.0, np.float32(n_rows)))
    first_row = int(courses[course, COURSE_FIRST_ROW])
    counters[counter_at(block, FIRST_ROW, lane)] = uint32(first_row)
    counters[counter_at(block, N_COURSE_ROWS, lane)] = uint32(n_rows)
    state[row_at(block, SPACING, lane)] = spacing
    state[row_at(block, LENGTH, lane)] = spacing * np.float32(n_rows)
    room = min(course_rows[first_row + row, ROW_LEFT], course_rows[first_row + row, ROW_RIGHT]) - nominal[P_HALF_LENGTH]
    speed = uniform(counters, block, lane, spread[START_SPEED_LOW], spread[START_SPEED_HIGH])
    for k in range(PARAMETERS):
        if k != SPACING and k != LENGTH:
            state[row_at(block, k, lane)] = 0.0
    state[row_at(block, S, lane)] = spacing * np.float32(row)
    state[row_at(block, LATERAL, lane)] = max(0.0, room) * spread[START_LATERAL] * uniform(counters, block, lane, -1.0, 1.0)
    state[row_at(block, HEADING_ERROR, lane)] = spread[START_HEADING_RAD] * uniform(counters, block, lane, -1.0, 1.0)
    state[row_at(block, V_X, lane)] = speed
    state[row_at(block, CHARGE, lane)] = uniform(counters, block, lane, spread[CHARGE_LOW], 1.0)
    state[row_at(block, SPEED_COMMAND, lane)] = speed
    for k in range(RING):
        state[row_at(block, SPEED_RING + k, lane)] = speed
    counters[counter_at(block, AGE, lane)] = uint32(0)
    counters[counter_at(block, END, lane)] = uint32(RUNNING)


def step_block(block, state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
               last_observations, rewards, end_flags, substeps, age_max):  # fmt: skip
    """`substeps` physics steps of one block under its actions, then observation, reward, ends and resets."""
    take_actions(state, actions, block)
    steps_per_tick = min(STEPS_PER_TICK, substeps)
    for substep in range(substeps):
        clock = counters[counter_at(block, CLOCK, 0)]
        slot = clock & uint32(RING - 1)
        slew_s = np.float32(steps_per_tick) * PHYSICS_STEP_S if substep % steps_per_tick == 0 else 0.0
        send_commands(state, block, slew_s, slot)
        look_up(state, counters, course_rows, block, slot)
        move(state, counters, block)
        counters[counter_at(block, CLOCK, 0)] = uint32(clock + uint32(1))
    any_ended = pay(state, counters, rewards, end_flags, block, age_max)
    for lane in range(LANES):
        observe_lane(state, counters, preview, block, lane, observations[block * LANES + lane])
    if any_ended != uint32(RUNNING):
        for lane in range(LANES):
            if counters[counter_at(block, END, lane)] != uint32(RUNNING):
                car = block * LANES + lane
                last_observations[car] = observations[car]
                reset_lane(state, counters, courses, course_rows, nominal, spread, block, lane)
                observe_lane(state, counters, preview, block, lane, observations[car])


def step_cars(state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
              last_observations, rewards, end_flags, substeps, age_max):  # fmt: skip
    """Step all blocks; see `step_block`."""
    for block in range(counters.shape[0] // (COUNTERS * LANES)):
        step_block(block, state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
                   last_observations, rewards, end_flags, substeps, age_max)  # fmt: skip


def step_cars_parallel(state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
                       last_observations, rewards, end_flags, substeps, age_max):  # fmt: skip
    """Step all blocks, on as many threads as Numba is set to; see `step_block`."""
    for block in prange(counters.shape[0] // (COUNTERS * LANES)):
        step_block(block, state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
                   last_observations, rewards, end_flags, substeps, age_max)  # fmt: skip
