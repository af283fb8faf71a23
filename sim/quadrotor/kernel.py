"""The batched simulator's kernel: dynamics, latency, gusts, reward, ends, resets and observation in one pass over memory.

Quadrotors live in blocks of `LANES`. All that is real about the drones of a block is one record of float32,
`memory[(block * ROWS + row) * LANES + lane]`: state, parameters, action, reward and observation, so that one vector
instruction works on eight or sixteen drones, and the processor reads memory from one end to the other. `counters`,
uint32, holds the rest in the same layout. Addresses are unsigned and their strides compile-time constants, and a loop
over lanes touches only rows whose distance the compiler knows: anything else, and its loop vectoriser gives up.

The equations are those of `sim.quadrotor.model`, the meaning that of a task's module. These functions are plain Python:
`sim.quadrotor.batch.build_step` supplies the task, the block's width and the options, and compiles all of it in single
precision. What is switched off costs nothing.
"""

import math
from typing import Any

import numpy as np
from numba import int32, prange, uint32, uintp

from sim.lane_random import four_normals, next_bits, three_uniforms, uniform
from sim.quadrotor.model import (
    N_PARAMETERS,
    N_STATE,
    P_FORCE_X,
    P_FORCE_Y,
    P_FORCE_Z,
    P_LATENCY,
    P_ROTOR_RADIUS,
    P_TORQUE_X,
    P_TORQUE_Y,
    P_TORQUE_Z,
    STEP_S,
    gust_step,
    rk4_step,
    scaled_parameters,
)
from sim.quadrotor.rows import eight, four, parameters_at, put_four_at, put_parameters_at, put_state_at, state_at

# Supplied by `build_step`: the block's width, the record's size, what a task's module says, and the options.
LANES: np.uintp = np.uintp(0)
ROWS: np.uintp = np.uintp(0)
OBSERVATION_SIZE: np.uintp = np.uintp(0)  # without past actions
HISTORY: np.uintp = np.uintp(0)  # past actions in the observation
LATENCY_TAPS: np.uintp = np.uintp(0)  # decisions that a latency can reach back, the newest included; 1: no latency
SUBSTEPS: np.uintp = np.uintp(1)  # physics steps in a decision
NOISE, GUST, GROUND = False, False, False
TASK_SIZE: np.uintp = np.uintp(0)
observe: Any = None
reward: Any = None
ends: Any = None
prepare: Any = None

ONE, TWO, THREE, FOUR, EIGHT = map(np.uintp, (1, 2, 3, 4, 8))

# Rows of a block's record: state and parameters in the order of `sim.quadrotor.model`, at the end the observation with its
# past actions (a ring of four rows each, whose newest is at NEWEST) and the numbers that the task keeps.
STATE, PARAMETERS = np.uintp(0), np.uintp(N_STATE)
ACTION = PARAMETERS + np.uintp(N_PARAMETERS)
COMMAND = ACTION + FOUR
REWARD = COMMAND + FOUR
GUST_N = REWARD + ONE
OBSERVATION = GUST_N + THREE
LATENCY = PARAMETERS + np.uintp(P_LATENCY)

# Rows of a block's uint32 memory. NEWEST counts for the whole block and stands in its first lane.
RANDOM, AGE, END, NEWEST, COUNTERS = map(np.uintp, range(5))

# Entries of `settings`, float32: the nominal parameters; the spread of the nine factors; the rest of the randomisation;
# how episodes begin; how they are run; weights of the task's reward; the noise of each observation, padded with zeros.
FRACTIONS = np.uintp(N_PARAMETERS)
(LATENCY_LOW_S, LATENCY_HIGH_S, FORCE_N, TORQUE_N_M, GUST_DEVIATION_N, GUST_KEEP,
 START_POSITION_M, START_COS_HALF_ANGLE, START_VELOCITY_M_S, START_RATE_RAD_S, START_CENTRED_SHARE, START_ROTOR_SPEED,
 DECISIONS_MAX, HOVER_ACTION, GROUND_Z, WEIGHTS) = (FRACTIONS + np.uintp(9 + k) for k in range(16))  # fmt: skip
NOISE_SCALE = WEIGHTS + EIGHT

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2

TWO_PI = 2.0 * math.pi


def state_of(memory, at):
    """One drone's state, as the tuple of `sim.quadrotor.model`."""
    return state_at(memory, at + STATE * LANES, LANES)


def put_four(memory, at, values):
    """Write four rows of one drone."""
    put_four_at(memory, at, LANES, values)


def put_state(memory, at, s):
    """Write one drone's state."""
    put_state_at(memory, at + STATE * LANES, LANES, s)


def draw_bits(counters, count):
    """The next state of the lane's generator."""
    bits = next_bits(counters[count + RANDOM * LANES])
    counters[count + RANDOM * LANES] = bits
    return bits


def clipped(a):
    return min(1.0, max(-1.0, a))


def within_one(a):
    """Four actions, clipped to [-1, 1]."""
    return clipped(a[0]), clipped(a[1]), clipped(a[2]), clipped(a[3])


def commands(a):
    """Commands in [0, 1] of four actions."""
    return 0.5 * a[0] + 0.5, 0.5 * a[1] + 0.5, 0.5 * a[2] + 0.5, 0.5 * a[3] + 0.5


def elapsed_s(counters, count):
    """Time since the lane's episode began."""
    return np.float32(int32(counters[count + AGE * LANES])) * STEP_S


def decide(memory, counters, settings, block):
    """Pay the block's drones for their actions in their states."""
    weights, hover = eight(settings, WEIGHTS, ONE), settings[HOVER_ACTION]
    for lane in range(LANES):
        at, count = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane
        a = within_one(four(memory, at + ACTION * LANES, LANES))
        own, time_s = at + (ROWS - TASK_SIZE) * LANES, elapsed_s(counters, count)
        pay = reward(state_of(memory, at), a, hover, weights, time_s, memory, own, LANES)
        memory[at + REWARD * LANES] = pay


def remember(memory, block, newest):
    """Copy the block's actions to their slot of the ring."""
    source = (block * ROWS + ACTION) * LANES
    target = (block * ROWS + OBSERVATION + OBSERVATION_SIZE + FOUR * newest) * LANES
    for k in range(FOUR * LANES):
        memory[target + k] = clipped(memory[source + k])


def delay(memory, block, newest):
    """Commands that reach the motors now: actions as old as each drone's latency, interpolated between decisions."""
    for lane in range(LANES):
        put_four(memory, (block * ROWS + COMMAND) * LANES + lane, (0.5, 0.5, 0.5, 0.5))
    for tap in range(LATENCY_TAPS):
        slot = (newest + HISTORY - tap) % HISTORY
        age = np.float32(tap)
        for lane in range(LANES):
            at = block * ROWS * LANES + lane
            weight = 0.5 * max(0.0, 1.0 - abs(memory[at + LATENCY * LANES] * (1.0 / STEP_S) - age))
            a = four(memory, at + (OBSERVATION + OBSERVATION_SIZE + FOUR * slot) * LANES, LANES)
            u = four(memory, at + COMMAND * LANES, LANES)
            u = u[0] + weight * a[0], u[1] + weight * a[1], u[2] + weight * a[2], u[3] + weight * a[3]
            put_four(memory, at + COMMAND * LANES, u)


def blow(memory, counters, settings, block):
    """Let the gusts go on for one decision."""
    deviation, keep = settings[GUST_DEVIATION_N], settings[GUST_KEEP]
    for lane in range(LANES):
        at, count = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane
        x, y, z, _ = four_normals(draw_bits(counters, count), uint32(0))
        first = at + GUST_N * LANES
        memory[first] = gust_step(memory[first], deviation * x, keep)
        memory[first + LANES] = gust_step(memory[first + LANES], deviation * y, keep)
        memory[first + TWO * LANES] = gust_step(memory[first + TWO * LANES], deviation * z, keep)


def move(memory, settings, block):
    """One physics step of every lane."""
    step_s, ground_z = STEP_S / np.float32(SUBSTEPS), settings[GROUND_Z]
    for lane in range(LANES):
        at = block * ROWS * LANES + lane
        s, p = state_of(memory, at), parameters_at(memory, at + PARAMETERS * LANES, LANES)
        if LATENCY_TAPS > ONE:
            u = four(memory, at + COMMAND * LANES, LANES)
        else:
            u = commands(within_one(four(memory, at + ACTION * LANES, LANES)))
        if GUST:
            x, y, z, _ = four(memory, at + GUST_N * LANES, LANES)
            p = p[:P_FORCE_X] + (p[P_FORCE_X] + x, p[P_FORCE_Y] + y, p[P_FORCE_Z] + z) + p[P_TORQUE_X:]
        put_state(memory, at, rk4_step(s, u, p, step_s, ground_z) if GROUND else rk4_step(s, u, p, step_s, None))


def judge(memory, counters, settings, block):
    """Ends of the block's episodes; returns non-zero if there is any."""
    any_ended, age_max = uint32(RUNNING), uint32(settings[DECISIONS_MAX])
    for lane in range(LANES):
        at, count = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane
        age = uint32(counters[count + AGE * LANES] + uint32(1))
        counters[count + AGE * LANES] = age
        own, time_s = at + (ROWS - TASK_SIZE) * LANES, elapsed_s(counters, count)
        ended = ends(state_of(memory, at), time_s, memory, own, LANES)
        out_of_time = uint32(TRUNCATED) if age >= age_max else uint32(RUNNING)
        end = uint32(TERMINATED) if ended else out_of_time
        observe_lane(memory, counters, at, count)
        counters[count + END * LANES] = end
        any_ended = uint32(any_ended | end)
    return any_ended


def observe_lane(memory, counters, at, count):
    own, time_s = at + (ROWS - TASK_SIZE) * LANES, elapsed_s(counters, count)
    observe(state_of(memory, at), time_s, memory, own, at + OBSERVATION * LANES, LANES)


def blur(memory, counters, settings, block):
    """Add the sensors' noise to the block's observations, four rows at a time; beyond them its scale is zero."""
    for lane in range(LANES):
        draw_bits(counters, block * COUNTERS * LANES + lane)
    for group in range((OBSERVATION_SIZE + THREE) // FOUR):
        scale = four(settings, NOISE_SCALE + FOUR * group, ONE)
        for lane in range(LANES):
            at = (block * ROWS + OBSERVATION + FOUR * group) * LANES + lane
            noise = four_normals(counters[(block * COUNTERS + RANDOM) * LANES + lane], uint32(group))
            seen = four(memory, at, LANES)
            put_four(memory, at, (seen[0] + scale[0] * noise[0], seen[1] + scale[1] * noise[1],
                                  seen[2] + scale[2] * noise[2], seen[3] + scale[3] * noise[3]))  # fmt: skip


def draw_parameters(memory, settings, at, bits):
    """Give a lane another drone: factors, latency and constant disturbances."""
    f = (
        three_uniforms(bits, uint32(0), 1.0)
        + three_uniforms(bits, uint32(3), 1.0)
        + three_uniforms(bits, uint32(6), 1.0)
    )
    spread = eight(settings, FRACTIONS, ONE) + (settings[FRACTIONS + EIGHT],)
    p = scaled_parameters(
        parameters_at(settings, uintp(0), ONE), 1.0 + spread[0] * f[0], 1.0 + spread[1] * f[1], 1.0 + spread[2] * f[2],
        1.0 + spread[3] * f[3], 1.0 + spread[4] * f[4], 1.0 + spread[5] * f[5], 1.0 + spread[6] * f[6],
        1.0 + spread[7] * f[7], 1.0 + spread[8] * f[8],
    )  # fmt: skip
    latency = p[P_LATENCY] + uniform(bits, uint32(9), settings[LATENCY_LOW_S], settings[LATENCY_HIGH_S])
    f_x, f_y, f_z, _ = four_normals(bits, uint32(10))
    t_x, t_y, t_z, _ = four_normals(bits, uint32(11))
    force, torque = settings[FORCE_N], settings[TORQUE_N_M]
    disturbed = (p[P_FORCE_X] + force * f_x, p[P_FORCE_Y] + force * f_y, p[P_FORCE_Z] + force * f_z,
                 p[P_TORQUE_X] + torque * t_x, p[P_TORQUE_Y] + torque * t_y, p[P_TORQUE_Z] + torque * t_z)  # fmt: skip
    p = p[:P_FORCE_X] + disturbed + (latency,) + p[P_ROTOR_RADIUS:]
    put_parameters_at(memory, at + PARAMETERS * LANES, LANES, p)


def draw_attitude(bits, k, cos_half_angle):
    """A quaternion drawn uniformly from all attitudes within an angle of level, from the words from the k-th on.

    Its axis is uniform on the sphere; its first component has the density sqrt(1 - q_w^2), drawn by rejection.
    """
    one = uint32(1)
    up, angle = uniform(bits, k, -1.0, 1.0), uniform(bits, uint32(k + one), 0.0, TWO_PI)
    widest = math.sqrt(1.0 - cos_half_angle * cos_half_angle)
    q_w, sine, height = 1.0, 0.0, 1.0
    while height > sine:
        k = uint32(k + one + one)
        q_w, height = uniform(bits, k, cos_half_angle, 1.0), uniform(bits, uint32(k + one), 0.0, widest)
        sine = math.sqrt(1.0 - q_w * q_w)
    across = sine * math.sqrt(1.0 - up * up)
    return q_w, across * math.cos(angle), across * math.sin(angle), sine * up


def draw_start(memory, settings, at, bits):
    """Put a lane's drone on a new start, with a past of actions that hold its rotors' speed."""
    x = three_uniforms(bits, uint32(12), settings[START_POSITION_M])
    q = draw_attitude(bits, uint32(32), settings[START_COS_HALF_ANGLE])
    if uniform(bits, uint32(15), 0.0, 1.0) < settings[START_CENTRED_SHARE]:
        x, q = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)
    v = three_uniforms(bits, uint32(16), settings[START_VELOCITY_M_S])
    w = three_uniforms(bits, uint32(19), settings[START_RATE_RAD_S])
    m = settings[START_ROTOR_SPEED]
    put_state(memory, at, x + q + v + w + (m, m, m, m))
    for k in range(OBSERVATION_SIZE, OBSERVATION_SIZE + FOUR * HISTORY):
        memory[at + (OBSERVATION + k) * LANES] = 2.0 * m - 1.0


def draw_task(memory, at, bits):
    """The numbers that the task keeps for a new episode."""
    own = at + (ROWS - TASK_SIZE) * LANES
    for k in range(TASK_SIZE):
        memory[own + k * LANES] = uniform(bits, uint32(k), 0.0, 1.0)
    prepare(memory, own, LANES)


def reset_ended(memory, counters, settings, last_observations, block):
    """Keep the last observation, without noise, of each drone whose episode has ended, and begin another with it."""
    size = OBSERVATION_SIZE + FOUR * HISTORY
    for lane in range(LANES):
        at, count = block * ROWS * LANES + lane, block * COUNTERS * LANES + lane
        if counters[count + END * LANES] != uint32(RUNNING):
            if counters[count + END * LANES] == uint32(TERMINATED):
                memory[at + REWARD * LANES] = 0.0
            for k in range(size):
                last_observations[(block * LANES + lane) * size + k] = memory[at + (OBSERVATION + k) * LANES]
            bits = draw_bits(counters, count)
            draw_parameters(memory, settings, at, bits)
            draw_start(memory, settings, at, bits)
            if uintp(0) != TASK_SIZE:
                draw_task(memory, at, draw_bits(counters, count))
            for k in range(GUST_N, OBSERVATION):
                memory[at + k * LANES] = 0.0
            counters[count + AGE * LANES] = uint32(0)
            observe_lane(memory, counters, at, count)


def step_block(memory, counters, settings, last_observations, block):
    """One decision of one block."""
    first_count = block * COUNTERS * LANES
    newest = (uintp(counters[first_count + NEWEST * LANES]) + ONE) % HISTORY
    counters[first_count + NEWEST * LANES] = uint32(newest)
    decide(memory, counters, settings, block)
    remember(memory, block, newest)
    if LATENCY_TAPS > ONE:
        delay(memory, block, newest)
    if GUST:
        blow(memory, counters, settings, block)
    for _ in range(SUBSTEPS):
        move(memory, settings, block)
    if judge(memory, counters, settings, block) != uint32(RUNNING):
        reset_ended(memory, counters, settings, last_observations, block)
    if NOISE:
        blur(memory, counters, settings, block)


def step_all(memory, counters, settings, last_observations):
    """One decision of all blocks; all arrays flat, see the top of this file."""
    for block in range(uintp(counters.shape[0]) // (COUNTERS * LANES)):
        step_block(memory, counters, settings, last_observations, block)


def step_all_parallel(memory, counters, settings, last_observations):
    """One decision of all blocks, on as many threads as Numba is set to."""
    for block in prange(uintp(counters.shape[0]) // (COUNTERS * LANES)):
        step_block(memory, counters, settings, last_observations, uintp(block))
