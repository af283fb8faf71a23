"""The batched quadrotors on a GPU: the step of `sim.quadrotor.kernel`, a thread a drone, several decisions a launch.

Dynamics, reward, ends, observation and new starts are the same Python functions, recompiled as device functions; the
memory is that of `QuadrotorBatch`, so drones move between processor and GPU by copying it, and each goes on with its own
random numbers. Neighbouring threads are neighbouring lanes: what a warp reads or writes at a time is contiguous, and
rows are a compile-time distance apart. A drone's state and parameters stay in registers from the beginning of a launch
to its end; of each decision, device memory sees the action, the observation, the reward and the end.

Needs an NVIDIA GPU, and numba-cuda for newer ones; NUMBA_ENABLE_CUDASIM=1 runs the same code, slowly, without one.
"""

import math
import time
from functools import cache
from typing import Any

import numpy as np
from numba import config, cuda, float32, int32, uint32, uintp

from sim.quadrotor import kernel
from sim.quadrotor.batch import Options, QuadrotorBatch, QuadrotorTask, supplied_names
from sim.quadrotor.kernel import (
    GROUND,
    GUST,
    HISTORY,
    LANES,
    LATENCY_TAPS,
    NOISE,
    OBSERVATION_SIZE,
    ROWS,
    SUBSTEPS,
    TASK_SIZE,
    commands,
    draw_bits,
    draw_parameters,
    draw_start,
    draw_task,
    eight,
    ends,
    four,
    four_normals,
    observe,
    parameters_at,
    put_four,
    put_state,
    reward,
    state_of,
    within_one,
)
from sim.quadrotor.model import (
    P_FORCE_X,
    P_FORCE_Y,
    P_FORCE_Z,
    P_LATENCY,
    P_TORQUE_X,
    STEP_S,
    gust_step,
    plus4,
    rk4_step,
)
from sim.single_precision import Target, specialise

THREADS = 128  # of a block of a launch
ONE, FOUR = kernel.ONE, kernel.FOUR
LOCAL_SIZE = 0  # OBSERVATION_SIZE + TASK_SIZE, supplied by `build_launch` as the names above

# Fast-math takes numbers to be finite. They are: episodes end long before float32 does.
GPU = Target(cuda.jit(device=True, fastmath=True), math)


def fly(memory, counters, settings, last_observations, actions, observations, rewards, ended):
    """The decisions of one launch for one drone; the arguments are described in `QuadrotorCuda`, lanes and all flat."""
    drone = uintp(cuda.grid(1))  # type: ignore[call-arg]
    if drone * kernel.COUNTERS >= uintp(counters.shape[0]):
        return
    block, lane = drone // LANES, drone % LANES
    at, count = block * ROWS * LANES + lane, block * kernel.COUNTERS * LANES + lane
    own, past = at + (ROWS - TASK_SIZE) * LANES, at + (kernel.OBSERVATION + OBSERVATION_SIZE) * LANES

    weights, hover = eight(settings, kernel.WEIGHTS, ONE), settings[kernel.HOVER_ACTION]
    step_s, age_max = STEP_S / np.float32(SUBSTEPS), uint32(settings[kernel.DECISIONS_MAX])
    s, p = state_of(memory, at), parameters_at(memory, at + kernel.PARAMETERS * LANES, LANES)
    age, newest = counters[count + kernel.AGE * LANES], uintp(counters[count + kernel.NEWEST * LANES])
    task_memory = cuda.local.array(LOCAL_SIZE, float32)  # the observation, then what the task keeps
    for k in range(TASK_SIZE):
        task_memory[OBSERVATION_SIZE + k] = memory[own + k * LANES]
    pay, end = float32(0.0), uint32(kernel.RUNNING)

    for decision in range(actions.shape[0]):
        a = within_one(four(actions[decision], block * FOUR * LANES + lane, LANES))
        pay = reward(s, a, hover, weights, elapsed_s(age), task_memory, OBSERVATION_SIZE, ONE)

        newest = (newest + ONE) % HISTORY
        put_four(memory, past + FOUR * newest * LANES, a)
        u = delayed(memory, past, newest, p[P_LATENCY]) if LATENCY_TAPS > ONE else commands(a)
        windy = blown(memory, counters, settings, at, count, p) if GUST else p
        for _ in range(SUBSTEPS):
            if GROUND:
                s = rk4_step(s, u, windy, step_s, settings[kernel.GROUND_Z])
            else:
                s = rk4_step(s, u, windy, step_s, None)

        age = uint32(age + uint32(1))
        observe(s, elapsed_s(age), task_memory, OBSERVATION_SIZE, uintp(0), ONE)
        end = uint32(kernel.TRUNCATED) if age >= age_max else uint32(kernel.RUNNING)
        if ends(s, elapsed_s(age), task_memory, OBSERVATION_SIZE, ONE):
            pay, end = float32(0.0), uint32(kernel.TERMINATED)
        if end != uint32(kernel.RUNNING):
            keep_last(memory, last_observations, task_memory, past, drone)
            bits = draw_bits(counters, count)
            draw_parameters(memory, settings, at, bits)
            draw_start(memory, settings, at, bits)
            if TASK_SIZE:
                draw_task(memory, at, draw_bits(counters, count))
            for k in range(kernel.GUST_N, kernel.OBSERVATION):
                memory[at + k * LANES] = 0.0
            s, p, age = state_of(memory, at), parameters_at(memory, at + kernel.PARAMETERS * LANES, LANES), uint32(0)
            for k in range(TASK_SIZE):
                task_memory[OBSERVATION_SIZE + k] = memory[own + k * LANES]
            observe(s, elapsed_s(age), task_memory, OBSERVATION_SIZE, uintp(0), ONE)
        if NOISE:
            blur(task_memory, counters, settings, count)

        for k in range(OBSERVATION_SIZE):
            observations[decision, (block * OBSERVATION_SIZE + k) * LANES + lane] = task_memory[k]
        rewards[decision, drone] = pay
        ended[decision, drone] = end

    put_state(memory, at, s)
    for k in range(OBSERVATION_SIZE):
        memory[at + (kernel.OBSERVATION + k) * LANES] = task_memory[k]
    memory[at + kernel.REWARD * LANES] = pay
    counters[count + kernel.AGE * LANES] = age
    counters[count + kernel.END * LANES] = end
    counters[count + kernel.NEWEST * LANES] = uint32(newest)


def elapsed_s(age):
    """Time since an episode began."""
    return np.float32(int32(age)) * STEP_S


def delayed(memory, past, newest, latency_s):
    """Commands that reach the motors now: actions as old as the latency, interpolated between decisions."""
    a = float32(0.0), float32(0.0), float32(0.0), float32(0.0)
    for tap in range(LATENCY_TAPS):
        slot = (newest + HISTORY - tap) % HISTORY
        weight = max(0.0, 1.0 - abs(latency_s * (1.0 / STEP_S) - np.float32(tap)))
        a = plus4(a, weight, four(memory, past + FOUR * slot * LANES, LANES))
    return commands(a)


def blown(memory, counters, settings, at, count, p):
    """Let the gust go on for one decision; returns the parameters with its force in them."""
    deviation, keep = settings[kernel.GUST_DEVIATION_N], settings[kernel.GUST_KEEP]
    noise = four_normals(draw_bits(counters, count), 0)
    first = at + kernel.GUST_N * LANES
    x = gust_step(memory[first], deviation * noise[0], keep)
    y = gust_step(memory[first + LANES], deviation * noise[1], keep)
    z = gust_step(memory[first + LANES + LANES], deviation * noise[2], keep)
    memory[first], memory[first + LANES], memory[first + LANES + LANES] = x, y, z
    force = p[P_FORCE_X] + x, p[P_FORCE_Y] + y, p[P_FORCE_Z] + z
    return p[:P_FORCE_X] + force + p[P_TORQUE_X:]


def keep_last(memory, last_observations, task_memory, past, drone):
    """Keep the last observation of an episode, without noise, with its past actions."""
    last = drone * (OBSERVATION_SIZE + FOUR * HISTORY)
    for k in range(OBSERVATION_SIZE):
        last_observations[last + k] = task_memory[k]
    for k in range(FOUR * HISTORY):
        last_observations[last + OBSERVATION_SIZE + k] = memory[past + k * LANES]


def blur(task_memory, counters, settings, count):
    """Add the sensors' noise to an observation."""
    bits = draw_bits(counters, count)
    for group in range((OBSERVATION_SIZE + FOUR - ONE) // FOUR):
        noise = four_normals(bits, group)
        for k in range(FOUR):
            if FOUR * group + k < OBSERVATION_SIZE:
                task_memory[FOUR * group + k] += settings[kernel.NOISE_SCALE + FOUR * group + k] * noise[k]


@cache
def build_launch(task: QuadrotorTask, options: Options, lanes: int) -> Any:
    """`fly` under a task's module, compiled when it is first launched."""
    supplied = supplied_names(task, options, lanes)
    supplied["LOCAL_SIZE"] = task.OBSERVATION_SIZE + task.MEMORY_SIZE
    return cuda.jit(fastmath=True)(specialise(fly, GPU, (kernel,), **supplied))


class QuadrotorCuda:
    """The drones of a `QuadrotorBatch` on a GPU, some decisions of 10 ms each a launch.

    Drones begin where the batch has them, and stay in its order and blocks. Device arrays, float32 but for `ends`, which
    other libraries take without a copy by `__cuda_array_interface__`:

        actions            (decisions, blocks, 4, lanes): what the next `advance` will do, clipped to [-1, 1]
        observations       (decisions, blocks, task.OBSERVATION_SIZE, lanes): after each decision, or the first of a new
                           episode if that ended one; past actions are not repeated in them
        rewards, ends      (decisions, blocks, lanes); ends, uint8: 0 running, 1 terminated, 2 truncated
        last_observations  (drones, task.OBSERVATION_SIZE + 4 history): at the latest end of each drone's episodes
        memory, counters   as in the batch
    """

    def __init__(self, batch: QuadrotorBatch, decisions: int = 1) -> None:
        self.batch, self.decisions = batch, decisions
        task, blocks, lanes = batch.task, batch.n_blocks, batch.lanes
        batch.counters[:, int(kernel.NEWEST)] = batch.newest  # each thread keeps it for itself
        self.memory, self.counters = cuda.to_device(batch.memory), cuda.to_device(batch.counters)
        self.last_observations = cuda.to_device(batch.last_observations)
        self.actions = cuda.to_device(np.zeros((decisions, blocks, 4, lanes), np.float32))
        self.observations = cuda.device_array((decisions, blocks, task.OBSERVATION_SIZE, lanes), np.float32)
        self.rewards = cuda.device_array((decisions, blocks, lanes), np.float32)
        self.ends = cuda.device_array((decisions, blocks, lanes), np.uint8)
        launch = build_launch(task, batch.options, lanes)
        self._launch = launch[-(-blocks * lanes // THREADS), THREADS]
        self._arguments = (
            self.memory.reshape(-1), self.counters.reshape(-1), cuda.to_device(batch.settings),
            self.last_observations.reshape(-1), self.actions.reshape(decisions, -1),
            self.observations.reshape(decisions, -1), self.rewards.reshape(decisions, -1),
            self.ends.reshape(decisions, -1),
        )  # fmt: skip

    def step(self, actions: np.ndarray) -> None:
        """Fly under actions (decisions, n, 4) float32 of the host's."""
        batch = self.batch
        padded = np.zeros((self.decisions, batch.n_blocks * batch.lanes, 4), np.float32)
        padded[:, : batch.n] = actions
        blocks = padded.reshape(self.decisions, batch.n_blocks, batch.lanes, 4)
        self.actions.copy_to_device(np.ascontiguousarray(blocks.transpose(0, 1, 3, 2)))
        self.advance()

    def advance(self) -> None:
        """Fly under the actions in `actions`. Returns before the GPU is done."""
        self._launch(*self._arguments)

    def bring_back(self) -> QuadrotorBatch:
        """The batch with its drones as they are now on the GPU; the processor can fly on with them."""
        self.memory.copy_to_host(self.batch.memory)
        self.counters.copy_to_host(self.batch.counters)
        self.last_observations.copy_to_host(self.batch.last_observations)
        return self.batch


def measure(
    task: QuadrotorTask, n: int, decisions: int = 16, seconds: float = 0.5, **options: Any
) -> tuple[float, str] | None:
    """Full steps a second of `n` drones under a task on this machine's GPU, and the GPU's name; None without one.

    Actions, random about hover, are read from device memory, and observations, rewards and ends written there, for each
    of the `decisions` of a launch. options: those of QuadrotorBatch.
    """
    if config.ENABLE_CUDASIM or not cuda.is_available():  # type: ignore[attr-defined]
        return None
    batch = QuadrotorBatch(task, n, seed=1, **options)
    drones = QuadrotorCuda(batch, decisions)
    around = np.random.default_rng(2).uniform(-0.1, 0.1, (decisions, n, 4)).astype(np.float32)
    drones.step(batch.settings[kernel.HOVER_ACTION] + around)
    cuda.synchronize()
    launches, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(10):
            drones.advance()
        cuda.synchronize()
        launches += 10
    steps_per_s = launches * decisions * n / (time.perf_counter() - started)
    name = cuda.get_current_device().name
    return steps_per_s, name.decode() if isinstance(name, bytes) else name
