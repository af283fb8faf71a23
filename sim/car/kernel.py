"""The batched simulator's kernel: dynamics, delay, walls, observation, reward, ends and resets in one pass over memory.

Cars live in blocks of `LANES` (structure of arrays inside a block), so that one vector instruction works on eight of
them. `state[block * ROWS * LANES + row * LANES + lane]`, float32, holds what is real about a car: its motion, the
commands on their way to its wheels, its parameters; `counters`, uint32, of the same layout, the rest. Addresses are
unsigned and their strides compile-time constants: anything else, and LLVM's loop vectoriser gives up.

The equations are those of `sim.car.model`, the meaning that of a task's module. These functions are plain Python:
`sim.car.batch.build_step` supplies the task and the block's width, and compiles all of it in single precision.
"""

from typing import Any

import numpy as np
from numba import prange, uint32, uintp

from sim.car.model import (
    P_CAPACITY_A_S,
    P_DELAY,
    P_GRIP_F,
    P_GRIP_R,
    P_HALF_LENGTH,
    P_HALF_WIDTH,
    P_INERTIA,
    P_MASS,
    P_STEER_MAX,
    P_TRIM,
    PHYSICS_STEP_S,
    body_derivative,
    drawn_current,
    drive_on_battery,
    steering_rate,
    track_derivative,
)

# Supplied by `build_step`: the block's width, and what a task's module says.
LANES: np.uintp = np.uintp(0)
STEER_SLEW_RAD_S, SPEED_SLEW_M_S2 = 0.0, 0.0
target: Any = None
slew: Any = None
observe: Any = None
reward: Any = None
ends: Any = None

RING = np.uintp(8)  # physics steps that a command may be under way: delays below 80 ms
STEPS_PER_TICK = 2

# Rows of a block's float32 memory.
(S, LATERAL, HEADING_ERROR, V_X, V_Y, YAW_RATE, STEER, CHARGE, PROGRESS,
 STEER_COMMAND, SPEED_COMMAND, LAST_0, LAST_1, BEFORE_0, BEFORE_1, STEER_GOAL, SPEED_GOAL,
 STEER_ARRIVED, SPEED_ARRIVED, CURVATURE, CURVATURE_SLOPE, LEFT, LEFT_SLOPE, RIGHT, RIGHT_SLOPE,
 SPACING, ROWS_PER_M, LENGTH, MASS, INERTIA, FRONT_GRIP, REAR_GRIP, TRIM) = map(np.uintp, range(33))  # fmt: skip
STEER_RING = np.uintp(33)
SPEED_RING = STEER_RING + RING
ROWS = SPEED_RING + RING

# Rows of a block's uint32 memory.
RANDOM, AGE, END, CLOCK, DELAY, FIRST_ROW, N_COURSE_ROWS, COUNTERS = map(np.uintp, range(8))

# Columns of the course rows: values at a row, their change to the next row, the curvature's change after that.
(CURVATURE_HERE, LEFT_HERE, RIGHT_HERE, CURVATURE_CHANGE_HERE, LEFT_CHANGE_HERE, RIGHT_CHANGE_HERE,
 CURVATURE_CHANGE_NEXT, COURSE_COLUMNS) = map(np.uintp, range(8))  # fmt: skip
# Columns of the list of courses.
COURSE_FIRST_ROW, COURSE_N_ROWS, COURSE_SPACING = range(3)

# Entries of `spread`: how cars and starts are drawn.
(SPREAD_GRIP, SPREAD_MASS, SPREAD_DELAY_S, SPREAD_TRIM_RAD, CHARGE_LOW, START_LATERAL, START_HEADING_RAD,
 START_SPEED_LOW, START_SPEED_HIGH, SPREAD_AXLE_GRIP) = range(10)  # fmt: skip

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2


def lane_parameters(state, nominal, at):
    """One lane's car parameters, as the tuple that the equations of `sim.car.model` index: five of them are its own."""
    return (
        state[at + MASS * LANES], state[at + INERTIA * LANES], nominal[2], nominal[3], nominal[4],
        state[at + FRONT_GRIP * LANES], nominal[6], nominal[7], nominal[8], nominal[9],
        state[at + TRIM * LANES], nominal[11], nominal[12], nominal[13], nominal[14],
        nominal[15], nominal[16], nominal[17], nominal[18], nominal[19],
        nominal[20], nominal[21], nominal[22], nominal[23], nominal[24],
        state[at + REAR_GRIP * LANES],
    )  # fmt: skip


def take_actions(state, actions, nominal, block):
    """Turn the block's actions into goals of the commands, no further than the wheels turn, and remember the last two actions."""
    most = nominal[P_STEER_MAX]
    for lane in range(LANES):
        at, action = block * ROWS * LANES + lane, uintp(2) * (block * LANES + lane)
        a0 = min(1.0, max(-1.0, actions[action]))
        a1 = min(1.0, max(-1.0, actions[action + uintp(1)]))
        steer, speed = target(a0, a1)
        state[at + STEER_GOAL * LANES], state[at + SPEED_GOAL * LANES] = min(most, max(-most, steer)), speed
        state[at + BEFORE_0 * LANES] = state[at + LAST_0 * LANES]
        state[at + BEFORE_1 * LANES] = state[at + LAST_1 * LANES]
        state[at + LAST_0 * LANES] = a0
        state[at + LAST_1 * LANES] = a1
        state[at + PROGRESS * LANES] = 0.0


def send_commands(state, block, slew_s, slot):
    """Move the commands towards their goals by `slew_s`, and send them on their way in a slot of the ring."""
    for lane in range(LANES):
        at = block * ROWS * LANES + lane
        steer, steer_goal = state[at + STEER_COMMAND * LANES], state[at + STEER_GOAL * LANES]
        speed, speed_goal = state[at + SPEED_COMMAND * LANES], state[at + SPEED_GOAL * LANES]
        steer = slew(steer, steer_goal, STEER_SLEW_RAD_S, slew_s)
        speed = slew(speed, speed_goal, SPEED_SLEW_M_S2, slew_s)
        state[at + STEER_COMMAND * LANES] = steer
        state[at + SPEED_COMMAND * LANES] = speed
        state[at + (STEER_RING + slot) * LANES] = steer
        state[at + (SPEED_RING + slot) * LANES] = speed


def look_up(state, counters, course_rows, block, slot):
    """Gather what a step needs from each lane's own place in memory: the course here, the command that arrives now."""
    for lane in range(LANES):
        at, count = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane
        rows_per_m = state[at + ROWS_PER_M * LANES]
        exact = state[at + S * LANES] * rows_per_m
        whole = min(uintp(int(exact)), uintp(counters[count + N_COURSE_ROWS * LANES]) - uintp(1))
        part = exact - np.float32(whole)
        row = COURSE_COLUMNS * (uintp(counters[count + FIRST_ROW * LANES]) + whole)
        curvature_change, change_next = (
            course_rows[row + CURVATURE_CHANGE_HERE],
            course_rows[row + CURVATURE_CHANGE_NEXT],
        )
        left_change, right_change = course_rows[row + LEFT_CHANGE_HERE], course_rows[row + RIGHT_CHANGE_HERE]
        state[at + CURVATURE * LANES] = course_rows[row + CURVATURE_HERE] + part * curvature_change
        state[at + LEFT * LANES] = course_rows[row + LEFT_HERE] + part * left_change
        state[at + RIGHT * LANES] = course_rows[row + RIGHT_HERE] + part * right_change
        # The curvature is linear between rows; over a step that will enter the next row, take the secant.
        ahead = max(0.01, state[at + V_X * LANES] * PHYSICS_STEP_S * rows_per_m)
        share_next = max(0.0, part + ahead - 1.0) / ahead
        slope = curvature_change + share_next * (change_next - curvature_change)
        state[at + CURVATURE_SLOPE * LANES] = slope * rows_per_m
        state[at + LEFT_SLOPE * LANES] = left_change * rows_per_m
        state[at + RIGHT_SLOPE * LANES] = right_change * rows_per_m
        sent = (slot - uintp(counters[count + DELAY * LANES])) & (RING - uintp(1))
        state[at + STEER_ARRIVED * LANES] = state[at + (STEER_RING + sent) * LANES]
        state[at + SPEED_ARRIVED * LANES] = state[at + (SPEED_RING + sent) * LANES]


def derivative(lateral, heading_error, v_x, v_y, yaw_rate, steer, accel, curvature, p):
    """Of (s, lateral, heading_error, v_x, v_y, yaw_rate)."""
    ds, dlateral, dheading = track_derivative(lateral, heading_error, v_x, v_y, yaw_rate, curvature)
    dv_x, dv_y, dyaw_rate = body_derivative(v_x, v_y, yaw_rate, steer, accel, p)
    return ds, dlateral, dheading, dv_x, dv_y, dyaw_rate


def move(state, counters, nominal, block):
    """One physics step of every lane that still runs: RK4, then the task's verdict on where the car is."""
    h, half, sixth = PHYSICS_STEP_S, 0.5 * PHYSICS_STEP_S, PHYSICS_STEP_S / 6.0
    for lane in range(LANES):
        at, count = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane
        p = lane_parameters(state, nominal, at)
        d, e = state[at + LATERAL * LANES], state[at + HEADING_ERROR * LANES]
        x, y, r = state[at + V_X * LANES], state[at + V_Y * LANES], state[at + YAW_RATE * LANES]
        steer, charge = state[at + STEER * LANES], state[at + CHARGE * LANES]
        bend, bend_slope = state[at + CURVATURE * LANES], state[at + CURVATURE_SLOPE * LANES]
        accel = drive_on_battery(x, state[at + SPEED_ARRIVED * LANES], charge, p)
        rate = steering_rate(steer, state[at + STEER_ARRIVED * LANES], p, h)

        s1, d1, e1, x1, y1, r1 = derivative(d, e, x, y, r, steer, accel, bend, p)
        s2, d2, e2, x2, y2, r2 = derivative(
            d + half * d1, e + half * e1, x + half * x1, y + half * y1, r + half * r1, steer + half * rate, accel,
            bend + half * s1 * bend_slope, p)  # fmt: skip
        s3, d3, e3, x3, y3, r3 = derivative(
            d + half * d2, e + half * e2, x + half * x2, y + half * y2, r + half * r2, steer + half * rate, accel,
            bend + half * s2 * bend_slope, p)  # fmt: skip
        s4, d4, e4, x4, y4, r4 = derivative(
            d + h * d3, e + h * e3, x + h * x3, y + h * y3, r + h * r3, steer + h * rate, accel,
            bend + h * s3 * bend_slope, p)  # fmt: skip

        ended = counters[count + END * LANES]
        go = 1.0 if ended == uint32(RUNNING) else 0.0  # a car that has ended stays where it is
        moved = go * sixth * (s1 + 2.0 * (s2 + s3) + s4)
        d += go * sixth * (d1 + 2.0 * (d2 + d3) + d4)
        e += go * sixth * (e1 + 2.0 * (e2 + e3) + e4)
        s, length = state[at + S * LANES] + moved, state[at + LENGTH * LANES]
        s = s - length if s >= length else s
        state[at + S * LANES] = s + length if s < 0.0 else s
        state[at + LATERAL * LANES] = d
        state[at + HEADING_ERROR * LANES] = e
        state[at + V_X * LANES] = x + go * sixth * (x1 + 2.0 * (x2 + x3) + x4)
        state[at + V_Y * LANES] = y + go * sixth * (y1 + 2.0 * (y2 + y3) + y4)
        state[at + YAW_RATE * LANES] = r + go * sixth * (r1 + 2.0 * (r2 + r3) + r4)
        state[at + STEER * LANES] = steer + go * h * rate
        used = go * h * drawn_current(x, accel, p) / p[P_CAPACITY_A_S]
        state[at + CHARGE * LANES] = max(0.0, charge - used)
        state[at + PROGRESS * LANES] += moved
        left = state[at + LEFT * LANES] + moved * state[at + LEFT_SLOPE * LANES]
        right = state[at + RIGHT * LANES] + moved * state[at + RIGHT_SLOPE * LANES]
        verdict = uint32(ends(d, e, left, right, p[P_HALF_LENGTH], p[P_HALF_WIDTH]))
        counters[count + END * LANES] = uint32(ended | verdict)


def pay(state, counters, rewards, end_flags, block, age_max):
    """Write the block's rewards and ends; return non-zero if any car has ended."""
    any_ended = uint32(RUNNING)
    for lane in range(LANES):
        at, count, car = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane, block * LANES + lane
        end = counters[count + END * LANES]
        age = uint32(counters[count + AGE * LANES] + uint32(1))
        rewards[car] = reward(state[at + PROGRESS * LANES], end == uint32(TERMINATED), 0.0)
        out_of_time = uint32(TRUNCATED) if age >= age_max else uint32(RUNNING)
        end = end if end != uint32(RUNNING) else out_of_time
        counters[count + AGE * LANES] = age
        counters[count + END * LANES] = end
        end_flags[car] = end
        any_ended = uint32(any_ended | end)
    return any_ended


def observe_lane(state, counters, preview, at, count, out):
    """Write one car's observation."""
    observe(
        state[at + V_X * LANES], state[at + V_Y * LANES], state[at + YAW_RATE * LANES],
        state[at + STEER_COMMAND * LANES], state[at + SPEED_COMMAND * LANES],
        state[at + LAST_0 * LANES], state[at + LAST_1 * LANES],
        state[at + BEFORE_0 * LANES], state[at + BEFORE_1 * LANES],
        state[at + S * LANES], state[at + LATERAL * LANES], state[at + HEADING_ERROR * LANES],
        preview, counters[count + FIRST_ROW * LANES], counters[count + N_COURSE_ROWS * LANES],
        state[at + SPACING * LANES], out,
    )  # fmt: skip


def uniform(counters, count, low, high):
    """The lane's next random number between low and high: xorshift32 (Marsaglia, 2003), its upper 24 bits."""
    bits = counters[count + RANDOM * LANES]
    bits = uint32(bits ^ uint32(bits << uint32(13)))
    bits = uint32(bits ^ uint32(bits >> uint32(17)))
    bits = uint32(bits ^ uint32(bits << uint32(5)))
    counters[count + RANDOM * LANES] = bits
    return low + (high - low) * (np.float32(bits >> uint32(8)) * 2.0**-24)


def reset_lane(state, counters, courses, course_rows, nominal, spread, at, count):
    """Put a new car on a new place: parameters, course and start drawn by the lane's own generator."""
    mass = 1.0 + spread[SPREAD_MASS] * uniform(counters, count, -1.0, 1.0)
    grip = 1.0 + spread[SPREAD_GRIP] * uniform(counters, count, -1.0, 1.0)
    trim = spread[SPREAD_TRIM_RAD] * uniform(counters, count, -1.0, 1.0)
    delay_s = nominal[P_DELAY] + spread[SPREAD_DELAY_S] * uniform(counters, count, -1.0, 1.0)
    delay_steps = min(np.float32(RING - uintp(1)), max(0.0, delay_s / PHYSICS_STEP_S + 0.5))
    counters[count + DELAY * LANES] = uint32(delay_steps)

    course = int(uniform(counters, count, 0.0, np.float32(courses.shape[0])))
    first_row, n_rows = uintp(courses[course, COURSE_FIRST_ROW]), uintp(courses[course, COURSE_N_ROWS])
    spacing = np.float32(courses[course, COURSE_SPACING])
    row = uintp(int(uniform(counters, count, 0.0, np.float32(n_rows))))
    here = COURSE_COLUMNS * (first_row + row)
    room = min(course_rows[here + LEFT_HERE], course_rows[here + RIGHT_HERE]) - nominal[P_HALF_LENGTH]
    speed = uniform(counters, count, spread[START_SPEED_LOW], spread[START_SPEED_HIGH])
    for k in range(ROWS):
        state[at + k * LANES] = 0.0
    state[at + S * LANES] = spacing * np.float32(row)
    state[at + LATERAL * LANES] = max(0.0, room) * spread[START_LATERAL] * uniform(counters, count, -1.0, 1.0)
    state[at + HEADING_ERROR * LANES] = spread[START_HEADING_RAD] * uniform(counters, count, -1.0, 1.0)
    state[at + V_X * LANES] = speed
    state[at + CHARGE * LANES] = uniform(counters, count, spread[CHARGE_LOW], 1.0)
    state[at + SPEED_COMMAND * LANES] = speed
    for k in range(RING):
        state[at + (SPEED_RING + k) * LANES] = speed
    state[at + MASS * LANES] = nominal[P_MASS] * mass
    state[at + INERTIA * LANES] = nominal[P_INERTIA] * mass
    front_grip = grip * (1.0 + spread[SPREAD_AXLE_GRIP] * uniform(counters, count, -1.0, 1.0))
    rear_grip = grip * (1.0 + spread[SPREAD_AXLE_GRIP] * uniform(counters, count, -1.0, 1.0))
    state[at + FRONT_GRIP * LANES] = nominal[P_GRIP_F] * front_grip
    state[at + REAR_GRIP * LANES] = nominal[P_GRIP_R] * rear_grip
    state[at + TRIM * LANES] = nominal[P_TRIM] + trim
    state[at + SPACING * LANES] = spacing
    state[at + ROWS_PER_M * LANES] = 1.0 / spacing
    state[at + LENGTH * LANES] = spacing * np.float32(n_rows)
    counters[count + FIRST_ROW * LANES] = uint32(first_row)
    counters[count + N_COURSE_ROWS * LANES] = uint32(n_rows)
    counters[count + AGE * LANES] = uint32(0)
    counters[count + END * LANES] = uint32(RUNNING)


def step_block(block, state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
               last_observations, rewards, end_flags, substeps, age_max):  # fmt: skip
    """`substeps` physics steps of one block under its actions, then observation, reward, ends and resets."""
    take_actions(state, actions, nominal, block)
    steps_per_tick = min(STEPS_PER_TICK, substeps)
    clock = counters[block * COUNTERS * LANES + CLOCK * LANES]
    for substep in range(substeps):
        slot = uintp(clock) & (RING - uintp(1))
        slew_s = np.float32(steps_per_tick) * PHYSICS_STEP_S if substep % steps_per_tick == 0 else 0.0
        send_commands(state, block, slew_s, slot)
        look_up(state, counters, course_rows, block, slot)
        move(state, counters, nominal, block)
        clock = uint32(clock + uint32(1))
    counters[block * COUNTERS * LANES + CLOCK * LANES] = clock
    any_ended = pay(state, counters, rewards, end_flags, block, age_max)
    for lane in range(LANES):
        at, count = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane
        observe_lane(state, counters, preview, at, count, observations[block * LANES + lane])
    if any_ended != uint32(RUNNING):
        for lane in range(LANES):
            at, count, car = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane, block * LANES + lane
            if counters[count + END * LANES] != uint32(RUNNING):
                for k in range(observations.shape[1]):
                    last_observations[car, k] = observations[car, k]
                reset_lane(state, counters, courses, course_rows, nominal, spread, at, count)
                observe_lane(state, counters, preview, at, count, observations[car])


def step_cars(state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
              last_observations, rewards, end_flags, substeps, age_max):  # fmt: skip
    """Step all blocks; see `step_block`."""
    for block in range(uintp(counters.shape[0]) // (COUNTERS * LANES)):
        step_block(block, state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
                   last_observations, rewards, end_flags, substeps, age_max)  # fmt: skip


def step_cars_parallel(state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
                       last_observations, rewards, end_flags, substeps, age_max):  # fmt: skip
    """Step all blocks, on as many threads as Numba is set to; see `step_block`."""
    for block in prange(uintp(counters.shape[0]) // (COUNTERS * LANES)):
        step_block(uintp(block), state, counters, courses, course_rows, preview, nominal, spread, actions, observations,
                   last_observations, rewards, end_flags, substeps, age_max)  # fmt: skip
