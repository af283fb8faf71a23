"""A policy that reaches, by the gradient of what reaching costs: through servos, rigid bodies and kinematics, back to its weights.

An iteration lets many hidden arms reach for a while, each for a place of its own, and descends. How the hand's motion makes changes
of the joints is taken as it is where the arm is; that it differs elsewhere is of the second order, and left out.
"""

from dataclasses import dataclass

import numpy as np

from policies.actor import hidden_matrices
from policies.first_order import backward, first_weights, forward, unpack, weight_gradient
from policies.muon import Muon
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.reaching import STEPS
from robot.robots.arm.training.reaches import ACTIONS, SIZE, SUBSTEPS, TICKS, Reaches
from robot.tasks.reach import AWAY, DECISION_S, SCALES, SHOWN_NEAR_M, SPEC, SPEEDS, WITHIN_M
from sim.arm.batch import ArmAdjoint
from sim.arm.kinematics import DAMPING, TILT, TURN_M
from sim.arm.machine_code import LANES

ARMS = 128
DECISIONS = 30  # of a window
GOES_ON = 0.9  # share of arms that go on from where they are
UNSTEADY = 0.05  # standard deviation of what actions are off by
# A decision costs 1 at NEAR_M from the place; a square of speed, rad2/s2, near it and anywhere; and a square of an action.
NEAR_M, SOFT_M, SPEED_NEAR, SPEED, ACTION = 2.0 * WITHIN_M, 0.3 * WITHIN_M, 2.0, 0.02, 0.02
ANGLES = slice(SPEC.seen["pan"].start, SPEC.seen["roll"].stop)
LAST_ACTION, NEAR, AHEAD = SPEC.seen["last_action"], SPEC.seen["away_near"], SPEC.seen["ahead"]


@dataclass(frozen=True)
class Look:
    """What was seen of the hand at a decision: its velocity by the joints' (count, 3, 5); away_m (count, 3); speeds (count, 5)."""

    jacobian: np.ndarray
    away_m: np.ndarray
    speed_rad_s: np.ndarray


@dataclass(frozen=True)
class Tick:
    """What its way back needs. jacobian (count, 6, 5); pointing (count, 3): the hand's way; moves, free, pulled (count, 5): whether the
    box lets the hand move, goals go as they were to, or goals are as far ahead of the joints as they may be. memory: before each sub-step.
    """

    jacobian: np.ndarray
    pointing: np.ndarray
    moves: np.ndarray
    free: np.ndarray
    pulled: np.ndarray
    memory: list[np.ndarray]


class Descent:
    """An iteration is a window of ARMS arms. The same seed gives the same bytes on one machine."""

    def __init__(self, seed: int, iterations: int, arms: int = ARMS, decisions: int = DECISIONS) -> None:
        self.rng = np.random.default_rng([seed, 0x9EA])
        rows, _ = hidden_arms(arms, self.rng)
        del rows["hole_half_m"]
        self.arms, self.decisions = Reaches(arms, seed, rows), decisions
        self.adjoint = ArmAdjoint(self.arms.batch)
        self.layers = SPEC.layers()
        self._weights = first_weights(self.layers, self.rng, np.zeros(ACTIONS))
        self.descent = Muon(self._weights, lambda vector: hidden_matrices(vector, self.layers), iterations)
        self.gradient = np.zeros_like(self._weights)
        hidden = self.layers[1]
        self.seen, self.first, self.second, self.d_first, self.d_second, self.acted, self.d_acted = (
            np.zeros((decisions, arms, width), np.float32)
            for width in (SIZE, hidden, hidden, hidden, hidden, ACTIONS, ACTIONS)
        )
        self.unsteady = np.zeros((decisions, arms, ACTIONS))

    @property
    def weights(self) -> np.ndarray:
        """A copy."""
        return self._weights.copy()

    def iterate(self) -> float:
        """Reach, and descend. Returns what a decision cost."""
        arms = self.arms
        arms.begin(np.flatnonzero(self.rng.random(arms.count) > GOES_ON))
        arms.aim(np.arange(arms.count))
        self.unsteady[:] = UNSTEADY * self.rng.standard_normal(self.unsteady.shape)
        cost = self.window()
        self.descent.step(self.gradient)
        return cost

    def window(self) -> float:
        """Reach, and work out `gradient`. Returns what a decision cost."""
        arms = self.arms
        network = unpack(self._weights, SIZE, self.layers[1], ACTIONS)
        ticks: list[Tick] = []
        looks: list[Look] = []
        for k in range(self.decisions):
            self.seen[k] = arms.observe()
            looks.append(self._look())
            forward(network, self.seen[k], self.first[k], self.second[k], self.acted[k])
            arms.action[:] = self.acted[k] + self.unsteady[k]
            ticks += [self._tick() for _ in range(TICKS)]
            arms.elapsed_s += DECISION_S
        arms.observe()
        looks.append(self._look())
        return self._back(network, ticks, looks)

    def _look(self) -> Look:
        arms = self.arms
        return Look(arms.jacobian[:, :3].copy(), arms.place - arms.pose[:, :3], arms.told_rad_s[:, :5].copy())

    def _tick(self) -> Tick:
        arms = self.arms
        memory: list[np.ndarray] = []
        told, before = arms.telling(), arms.goal_rad[:, :5].copy()
        moves, changes = np.zeros_like(before), np.zeros_like(before)
        arms.tick(moves, changes)
        after = arms.goal_rad[:, :5]
        free = after == before + changes
        held = (after <= arms.low[:5]) | (after >= arms.high[:5])
        tick = Tick(arms.jacobian.copy(), arms.pose[:, 3:6].copy(), moves, free, ~free & ~held, memory)
        for substep in range(SUBSTEPS):
            memory.append(arms.batch.memory.copy())
            arms.batch.advance(1, SUBSTEPS + substep)
        arms.take(told)
        return tick

    def _back(self, network: tuple[np.ndarray, ...], ticks: list[Tick], looks: list[Look]) -> float:
        """d_X: what X matters. Of angles and speeds that servos tell, of their goals, and of the last action, (count, 5) each."""
        count, places = self.arms.count, self._places()
        share = 1.0 / (count * self.decisions)
        blocks, _, lanes = self.arms.batch.memory.shape
        bars = np.zeros((blocks, sum(self.adjoint.wanted.values()), lanes), np.float32)
        d_q, d_v, d_goal, d_last = (np.zeros((count, 5)) for _ in range(4))
        d_seen, total = np.zeros((count, SIZE), np.float32), 0.0
        for k in reversed(range(self.decisions)):
            cost, d_away, d_speed = costs(looks[k + 1].away_m, looks[k + 1].speed_rad_s)
            total += float(cost.sum())
            d_q = d_q - share * by_joints(looks[k + 1].jacobian, d_away)
            d_v = d_v + share * d_speed
            d_action = d_last + share * 2.0 * ACTION * self.acted[k]
            for tick in reversed(ticks[k * TICKS : (k + 1) * TICKS]):
                bars[:, places["goal_rad"]] += self._lanes(d_goal)
                for substep in reversed(range(SUBSTEPS)):
                    bars = self.adjoint.back(tick.memory[substep], bars, SUBSTEPS + substep)
                d_goal = self._rows(bars[:, places["goal_rad"]])
                bars[:, places["goal_rad"]] = bars[:, places["previous_goal_rad"]] = 0.0
                bars[:, places["joint_rad"]] += self._lanes(d_q)
                bars[:, places["joint_rad_s"]] += self._lanes(d_v)
                d_q, d_v, d_goal = d_goal * tick.pulled, np.zeros_like(d_v), d_goal * tick.free
                d_action += tick.moves * (STEPS / TICKS) * by_motion(tick.jacobian, tick.pointing, d_goal)
            self.d_acted[k] = d_action
            backward(network, self.first[k], self.second[k], self.acted[k], self.d_first[k], self.d_second[k], self.d_acted[k],
                     d_seen)  # fmt: skip
            raw = d_seen * SCALES
            d_away = raw[:, AWAY] + raw[:, NEAR] * (np.abs(looks[k].away_m) < SHOWN_NEAR_M)
            d_q = d_q + raw[:, ANGLES] - raw[:, AHEAD] - by_joints(looks[k].jacobian, d_away)
            d_v, d_goal, d_last = d_v + raw[:, SPEEDS], d_goal + raw[:, AHEAD], raw[:, LAST_ACTION]
        flat = (count * self.decisions, -1)
        weight_gradient(self.seen.reshape(flat), self.first.reshape(flat), self.second.reshape(flat), self.d_first.reshape(flat),
                        self.d_second.reshape(flat), self.d_acted.reshape(flat), self.gradient)  # fmt: skip
        return total * share

    def _places(self) -> dict[str, slice]:
        """Where each quantity's bars are."""
        ends = np.cumsum(list(self.adjoint.wanted.values())).tolist()
        return {
            name: slice(end - count, end) for (name, count), end in zip(self.adjoint.wanted.items(), ends, strict=True)
        }

    def _lanes(self, values: np.ndarray) -> np.ndarray:
        """Of joints but the jaw, (count, 5), as bars have them."""
        told = np.zeros((-(-self.arms.count // LANES) * LANES, 6), np.float32)
        told[: self.arms.count, :5] = values
        return told.reshape(-1, LANES, 6).transpose(0, 2, 1)

    def _rows(self, bars: np.ndarray) -> np.ndarray:
        return bars.transpose(0, 2, 1).reshape(-1, 6)[: self.arms.count, :5].astype(float)


def by_joints(jacobian: np.ndarray, d_place: np.ndarray) -> np.ndarray:
    """What joints matter, (n, 5), where places of the hand, (n, 3), matter so."""
    return np.einsum("nij,ni->nj", jacobian, d_place)


def by_motion(jacobian: np.ndarray, pointing: np.ndarray, d_changes: np.ndarray) -> np.ndarray:
    """What motions of the hand matter, (n, 5), where changes of the joints matter so; see `sim.arm.kinematics.change`."""
    turns = np.stack([jacobian[:, 3:, TILT], pointing], 1)
    rows = np.concatenate([jacobian[:, :3], TURN_M * np.einsum("nti,nij->ntj", turns, jacobian[:, 3:])], 1)
    square = np.einsum("nri,nrj->nij", rows, rows) + DAMPING * np.eye(rows.shape[2])
    d_motion = np.einsum("nri,ni->nr", rows, np.linalg.solve(square, d_changes[:, :, None])[:, :, 0])
    d_motion[:, 3:] *= TURN_M
    return d_motion


def costs(away_m: np.ndarray, speed_rad_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What being away (n, 3) and moving (n, 5) costs, (n,), and its gradients: for the one as if speed were as dear everywhere, since
    who is told that it costs less elsewhere keeps away."""
    square, fast = (away_m * away_m).sum(1), (speed_rad_s * speed_rad_s).sum(1)
    soft, near = np.sqrt(square + SOFT_M * SOFT_M), np.exp(-square / (NEAR_M * NEAR_M))
    cost = soft / NEAR_M + (SPEED_NEAR * near + SPEED) * fast
    return cost, away_m / (NEAR_M * soft)[:, None], 2.0 * (SPEED_NEAR * near + SPEED)[:, None] * speed_rad_s
