"""A batch of quadrotors under a task: the kernel of `sim.quadrotor.kernel` with its memory."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numba import njit

from sim.quadrotor import kernel
from sim.quadrotor.model import GRAVITY_M_S2, STEP_S, QuadrotorParameters, QuadrotorRandomisation, load_parameters
from sim.single_precision import OPTIONS, specialise

LANES = 64  # eight vectors of eight: enough independent work to hide how long each operation takes


@dataclass(frozen=True)
class Starts:
    """Where episodes begin, drawn uniformly; attitudes uniformly among those within an angle of level."""

    position_m: float = 0.2  # in each coordinate, to either side of the origin
    attitude_rad: float = math.pi / 2
    velocity_m_s: float = 1.0
    rate_rad_s: float = 1.0
    centred_share: float = 0.1  # of the episodes, at the origin and level
    rotor_speed: float = 0.5


@dataclass(frozen=True)
class SensorNoise:
    """Standard deviations of what a drone sees of itself; those of "Learning to Fly in Seconds"."""

    position_m: float = 0.001
    rotation: float = 0.001  # of each entry of the rotation matrix
    velocity_m_s: float = 0.002
    rate_rad_s: float = 0.002

    def deviations(self) -> np.ndarray:
        """Those of the first numbers of every flying task's observation, float64 (18,), not yet scaled as the task does."""
        return np.repeat([self.position_m, self.rotation, self.velocity_m_s, self.rate_rad_s], [3, 9, 3, 3])


class QuadrotorTask(Hashable, Protocol):
    """What a task's module offers the simulator, described in `robot/tasks/hover.py`."""

    OBSERVATION_SIZE: int
    OBSERVATION_SCALE: np.ndarray
    MEMORY_SIZE: int
    REWARD_WEIGHTS: np.ndarray
    observe: Any
    reward: Any
    ends: Any
    prepare: Any


@dataclass(frozen=True)
class Options:
    """What is compiled into a kernel, and what is left out."""

    history: int = 1  # past actions in the observation
    noise: bool = False
    gust: bool = False
    ground: bool = False
    latency_steps: int = 0  # largest latency, in decisions
    substeps: int = 1  # physics steps in a decision


@cache
def build_step(
    task: QuadrotorTask, options: Options, lanes: int = LANES, parallel: bool = False
) -> Callable[..., None]:
    """The step of blocks of `lanes` drones under a task's module: compiled once, then cached on disk."""
    plain = kernel.step_all_parallel if parallel else kernel.step_all
    step: Callable[..., None] = njit(cache=True, parallel=parallel, **OPTIONS)(
        specialise(plain, **supplied_names(task, options, lanes))
    )
    return step


def supplied_names(task: QuadrotorTask, options: Options, lanes: int) -> dict[str, Any]:
    """What `sim.quadrotor.kernel` leaves open, by name."""
    sizes = {
        "LANES": lanes,
        "ROWS": int(kernel.OBSERVATION) + task.OBSERVATION_SIZE + 4 * options.history + task.MEMORY_SIZE,
        "OBSERVATION_SIZE": task.OBSERVATION_SIZE,
        "HISTORY": options.history,
        "TASK_SIZE": task.MEMORY_SIZE,
        "LATENCY_TAPS": options.latency_steps + 1,
        "SUBSTEPS": options.substeps,
    }
    functions = {name: getattr(task, name) for name in ("observe", "reward", "ends", "prepare")}
    switches = {"NOISE": options.noise, "GUST": options.gust, "GROUND": options.ground}
    return {name: np.uintp(size) for name, size in sizes.items()} | functions | switches


class QuadrotorBatch:
    """`n` independent quadrotors, stepped together, one decision of 10 ms a call.

    A drone whose episode ended has already been put on a new start: `observation` is its first one there,
    `last_observation` the one at its end. Inside, drones live in blocks of LANES; the attributes that end in `_rows`
    are views of that memory, (blocks, rows, lanes), which cost nothing to read or write:

        state_rows, parameter_rows   in the order of `sim.quadrotor.model`
        action_rows                  (blocks, 4, lanes): what the next `advance` will do
        observation_rows             (blocks, task.OBSERVATION_SIZE + 4 history, lanes); past actions are a ring of
                                     slots of four rows, of which `newest` is the last decision's
        reward_rows, end_rows        (blocks, lanes); ends: 0 running, 1 terminated, 2 truncated
    """

    def __init__(
        self,
        task: QuadrotorTask,
        n: int,
        seed: int,
        quadrotor: QuadrotorParameters | None = None,
        randomisation: QuadrotorRandomisation = QuadrotorRandomisation(),
        starts: Starts = Starts(),
        noise: SensorNoise | None = None,
        history: int = 1,
        substeps: int = 1,
        decisions_max: int = 500,
        ground_z_m: float | None = None,
        parallel: bool = False,
        latency_steps: int = 0,
    ) -> None:
        """
        history: past actions in the observation; at least as many as the largest latency reaches back, and one more.
        substeps: physics steps in a decision: 1 is 100 Hz, 5 is 500 Hz.
        decisions_max: decisions after which an episode is truncated.
        ground_z_m: height of a ground whose effect the rotors feel; None flies in free air.
        latency_steps: decisions that the kernel can look back, if the latency needs no more: kernels are compiled for a
        number of them and a history, and batches that agree on both share one. The flights are the same.
        Raises ValueError without a drone, and for a latency that the history does not hold.
        """
        quadrotor = quadrotor or load_parameters()
        latest_s = quadrotor.latency_s + randomisation.latency_high_s
        latency_steps = max(latency_steps, math.ceil(round(latest_s / STEP_S, 6)))
        if n < 1:
            raise ValueError(f"n: found {n}, allowed: at least 1")
        if history < latency_steps + 1:
            raise ValueError(f"history: found {history}, allowed: at least {latency_steps + 1} for this latency")
        self.task, self.n, self.history, self.decisions_max = task, n, history, decisions_max
        self.lanes = 1 if n == 1 else LANES
        self.n_blocks = -(-n // self.lanes)
        self.options = Options(
            history, noise is not None, randomisation.gust_share > 0.0, ground_z_m is not None, latency_steps, substeps
        )
        self._kernel = build_step(task, self.options, self.lanes, parallel and self.n_blocks > 1)

        size, first = task.OBSERVATION_SIZE + 4 * history, int(kernel.OBSERVATION)
        self.memory = aligned_zeros((self.n_blocks, first + size + task.MEMORY_SIZE, self.lanes), np.float32)
        self.counters = aligned_zeros((self.n_blocks, int(kernel.COUNTERS), self.lanes), np.uint32)
        self.last_observations = np.zeros((self.n_blocks * self.lanes, size), np.float32)
        self.settings = settings_for(task, quadrotor, randomisation, starts, noise, decisions_max, ground_z_m)
        self._arguments = (
            self.memory.reshape(-1), self.counters.reshape(-1), self.settings, self.last_observations.reshape(-1),
        )  # fmt: skip
        self.state_rows = self.memory[:, : int(kernel.PARAMETERS)]
        self.parameter_rows = self.memory[:, int(kernel.PARAMETERS) : int(kernel.ACTION)]
        self.action_rows = self.memory[:, int(kernel.ACTION) : int(kernel.COMMAND)]
        self.observation_rows = self.memory[:, first : first + size]
        self.reward_rows = self.memory[:, int(kernel.REWARD)]
        self.end_rows = self.counters[:, int(kernel.END)]
        slots = 4 * ((np.arange(history)[:, None] - np.arange(history)) % history)  # for each state of the ring
        past = task.OBSERVATION_SIZE + slots[:, :, None] + np.arange(4)
        self._orders = np.array([[*range(task.OBSERVATION_SIZE), *rows.reshape(-1)] for rows in past])
        self.reset(seed)

    def reset(self, seed: int) -> np.ndarray:
        """Put every drone on a new start drawn from `seed`; returns the observations."""
        random = np.random.default_rng(seed).integers(1, 2**32, (self.n_blocks, self.lanes), dtype=np.uint32)
        self.counters[:] = 0
        self.counters[:, int(kernel.RANDOM)] = random
        self.settings[kernel.DECISIONS_MAX] = 0  # all are out of time at once
        self.advance()
        self.settings[kernel.DECISIONS_MAX] = self.decisions_max
        self.reward_rows[:], self.end_rows[:] = 0.0, kernel.RUNNING
        return self.observation

    def step(self, actions: np.ndarray) -> None:
        """One decision of every drone under its action, (n, 4) float32 in [-1, 1]; see the attributes."""
        blocks = np.zeros((self.n_blocks * self.lanes, 4), np.float32)
        blocks[: self.n] = actions
        self.action_rows[:] = blocks.reshape(self.n_blocks, self.lanes, 4).transpose(0, 2, 1)
        self.advance()

    def advance(self) -> None:
        """One decision of every drone under the actions in `action_rows`, which are clipped there to [-1, 1]."""
        self._kernel(*self._arguments)

    @property
    def newest(self) -> int:
        """Slot of the ring of past actions that holds the last decision's."""
        return int(self.counters[0, int(kernel.NEWEST), 0])

    @property
    def order(self) -> np.ndarray:
        """Rows (OBSERVATION_SIZE + 4 history,) of `observation_rows`, or of `last_observations`, that put past actions
        newest first."""
        order: np.ndarray = self._orders[self.newest]
        return order

    def _by_drone(self, rows: np.ndarray) -> np.ndarray:
        """(blocks, k, lanes) to a copy (n, k)."""
        return rows.transpose(0, 2, 1).reshape(self.n_blocks * self.lanes, -1)[: self.n].copy()

    @property
    def observation(self) -> np.ndarray:
        """(n, OBSERVATION_SIZE + 4 history) float32, past actions newest first: a copy."""
        return self._by_drone(self.observation_rows)[:, self.order]

    @property
    def last_observation(self) -> np.ndarray:
        """Of the drones that have just ended, the observation at their end, without noise: a copy as `observation`."""
        return self.last_observations[: self.n, self.order]

    @property
    def state(self) -> np.ndarray:
        """(n, N_STATE) float32: a copy."""
        return self._by_drone(self.state_rows)

    @property
    def parameters(self) -> np.ndarray:
        """(n, N_PARAMETERS) float32: a copy."""
        return self._by_drone(self.parameter_rows)

    @property
    def reward(self) -> np.ndarray:
        """(n,) float32."""
        return self.reward_rows.reshape(-1)[: self.n]

    @property
    def end(self) -> np.ndarray:
        """(n,) uint32: 0 running, 1 terminated, 2 truncated."""
        return self.end_rows.reshape(-1)[: self.n]


@njit(cache=True)
def gather(rows, order, out):
    """Put rows (blocks, k, lanes) in `order` (m,), `QuadrotorBatch.order` or any other, a row a drone to out (n, m)."""
    blocks, _, lanes = rows.shape
    by_drone = out.strides[1] < out.strides[0]  # as memory lies; otherwise `out` is the transpose of a column a drone
    for block in range(blocks):
        first = block * lanes
        here = min(lanes, len(out) - first)
        if by_drone:
            for lane in range(here):
                for k in range(len(order)):
                    out[first + lane, k] = rows[block, order[k], lane]
        else:
            for k in range(len(order)):
                for lane in range(here):
                    out[first + lane, k] = rows[block, order[k], lane]


@njit(cache=True)
def scatter(actions, rows):
    """Put actions (n, 4) to rows (blocks, 4, lanes): `QuadrotorBatch.action_rows`."""
    blocks, _, lanes = rows.shape
    for block in range(blocks):
        here = min(lanes, len(actions) - block * lanes)
        for k in range(4):
            for lane in range(here):
                rows[block, k, lane] = actions[block * lanes + lane, k]


def settings_for(
    task: QuadrotorTask,
    quadrotor: QuadrotorParameters,
    randomisation: QuadrotorRandomisation,
    starts: Starts,
    noise: SensorNoise | None,
    decisions_max: int,
    ground_z_m: float | None,
) -> np.ndarray:
    """What a kernel reads beside its memory, float32, in the order of the constants of `sim.quadrotor.kernel`."""
    weight_n = quadrotor.mass_kg * GRAVITY_M_S2
    weights = np.zeros(int(kernel.NOISE_SCALE - kernel.WEIGHTS))
    weights[: len(task.REWARD_WEIGHTS)] = task.REWARD_WEIGHTS
    noise_scale = np.zeros(-(-task.OBSERVATION_SIZE // 4) * 4)
    if noise is not None:
        deviations = noise.deviations()
        noise_scale[: len(deviations)] = deviations * task.OBSERVATION_SCALE[: len(deviations)]
    return np.concatenate(
        [
            quadrotor.packed(), randomisation.fractions(),
            [
                randomisation.latency_low_s, randomisation.latency_high_s,
                randomisation.force_share * weight_n, randomisation.torque_share_m * weight_n,
                randomisation.gust_share * weight_n, math.exp(-STEP_S / randomisation.gust_time_s),
                starts.position_m, math.cos(starts.attitude_rad / 2), starts.velocity_m_s, starts.rate_rad_s,
                starts.centred_share, starts.rotor_speed,
                decisions_max, 2 * quadrotor.hover_command() - 1, ground_z_m or 0.0,
            ],
            weights, noise_scale,
        ]
    ).astype(np.float32)  # fmt: skip


def aligned_zeros(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Zeros that begin at a cache line, so that no row of a block straddles two."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.zeros(size + 64, np.uint8)
    first = -buffer.ctypes.data % 64
    return buffer[first : first + size].view(dtype).reshape(shape)
