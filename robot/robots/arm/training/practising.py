"""A policy that searches by touch, practised in the simulator as on the arm itself: by RLPD, with a script's demonstrations.

A teacher who sees the hole cannot be imitated by who feels for it. So nobody teaches: many arms practise at once, each with a
friction, a backlash, a gain, a clearance and a camera of its own, and each minute with others.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from policies.replay import transition_dtype
from policies.rlpd import Rlpd
from policies.rlpd_config import FROM_SCRATCH, for_task
from policies.rlpd_kernels import actor_forward, sample_actions
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.script import InsertionScript
from robot.robots.arm.training.insertions import RUNNING, WON, Insertions
from robot.tasks.peg_insert import ASIDE, OUT, SCALES, SIZE, SPEC, reward, seen_otherwise

ARMS = 16
DECISIONS = 600  # of each arm in an iteration: a minute
SHOWN = 120  # pegs inserted or drawn out, by the script
UPDATES_A_STEP = 8  # of all arms
MEASURED_SHARE = 0.1  # by which what was measured of an arm may be wrong
SIMULATED = 300  # decisions of each arm, that practice begins to learn with
LEARNER = {"entropy_end": -8.0, "rates_end": 0.2, "average_share_end": 0.01, "memory": 200_000}


class Practised:
    """An iteration is a minute of practice of ARMS arms. The same seed gives the same bytes."""

    def __init__(self, seed: int, iterations: int, arms: int = ARMS, decisions: int = DECISIONS) -> None:
        self.arms, self.decisions = arms, decisions
        self.rng = np.random.default_rng([seed, 0x9AC])
        steps = arms * decisions * iterations
        over = max(1, round(0.7 * steps))
        own: dict[str, Any] = {
            **SPEC.learner,
            **LEARNER,
            "entropy_steps": over,
            "prior_share_steps": over,
            "settle_steps": steps,
        }
        config = replace(for_task(FROM_SCRATCH, SPEC.action_size, SPEC.decision_s), seed=seed, **own)
        self.learner = Rlpd(config, SIZE, SPEC.action_size, SPEC.mirror)
        self.layers = self.learner.layers
        self.step = self.episode = 0

    @property
    def weights(self) -> np.ndarray:
        """A copy."""
        return self.learner.actor_weights()

    def iterate(self) -> None:
        """The first one begins with what the script shows."""
        if self.step == 0:
            self.show()
            self.learner.imitate()
        arms = self.hidden()
        lives = Lives(self.take, arms.count)
        for _ in range(self.decisions):
            seen = arms.seen.copy()
            action = tried(self.learner.average_actor, self.layers, seen, self.rng)
            lives.add(seen, action, *arms.step(action), demonstration=False)
            self.learner.update(UPDATES_A_STEP)

    def take(self, episode: np.ndarray) -> None:
        """Learn from a whole episode, and from how it might have been seen as well."""
        count = len(episode)
        episode["step"], episode["episode"] = np.arange(self.step, self.step + count), self.episode
        self.step, self.episode = self.step + count, self.episode + 1
        self.learner.add(episode)
        self.learner.add_prior(seen_otherwise(episode, self.rng))

    def hidden(self) -> Insertions:
        """Arms that nobody has met."""
        rows, offset_m = hidden_arms(self.arms, self.rng)
        return Insertions(self.arms, int(self.rng.integers(1 << 31)), rows, offset_m, undo=True)

    def show(self) -> None:
        """Let the script insert pegs, and draw them out again."""
        arms, shown = self.hidden(), 0
        scripts = [InsertionScript(self.rng) for _ in range(arms.count)]
        lives = Lives(self.take, arms.count)
        while shown < SHOWN:
            seen = arms.seen.copy()
            action = np.stack([scripted(arms, lane, script) for lane, script in enumerate(scripts)])
            ended, last = arms.step(action)
            lives.add(seen, action, ended, last, demonstration=True)
            shown += int((ended == WON).sum())
            for lane in np.flatnonzero(ended):
                scripts[lane] = InsertionScript(self.rng)


def scripted(arms: Insertions, lane: int, script: InsertionScript) -> np.ndarray:
    """The script's action in a lane."""
    arms.kinematics.look(arms.told_rad[lane])
    if arms.wanted[lane] == OUT:
        return script.outwards(arms.kinematics, arms.place[lane], arms.frame[lane])
    ahead_rad = arms.goal_rad[lane, :5] - arms.told_rad[lane, :5]
    aside_m = arms.seen[lane, ASIDE : ASIDE + 3].astype(float) / SCALES[ASIDE : ASIDE + 3]
    return script.inwards(arms.kinematics, arms.place[lane], arms.frame[lane], aside_m, ahead_rad)


class Lives:
    """What arms live through, given to `take` an episode at a time; demonstrations that failed teach nothing."""

    def __init__(self, take: Callable[[np.ndarray], None], count: int) -> None:
        self.take = take
        self.parts: list[list[np.ndarray]] = [[] for _ in range(count)]

    def add(
        self, seen: np.ndarray, action: np.ndarray, ended: np.ndarray, last: np.ndarray, demonstration: bool
    ) -> None:
        """A decision of all arms, and how their episodes stand after it."""
        told = np.zeros(len(seen), transition_dtype(SIZE, SPEC.action_size))
        told["observation"], told["action"], told["proposed"], told["next_observation"] = seen, action, action, last
        told["reward"] = [reward(each) for each in last]
        told["terminated"], told["truncated"] = ended == WON, (ended != RUNNING) & (ended != WON)
        told["demonstration"] = demonstration
        for lane, parts in enumerate(self.parts):
            parts.append(told[lane])
            if ended[lane] == RUNNING:
                continue
            if ended[lane] == WON or not demonstration:
                self.take(np.stack(parts))
            parts.clear()


def tried(weights: np.ndarray, layers: tuple[int, ...], seen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a policy tries, (arms, actions)."""
    count, hidden, actions = len(seen), layers[1], layers[-1] // 2
    first, second, action, std = (np.zeros((count, k), np.float32) for k in (hidden, hidden, actions, actions))
    out, likelihood = np.zeros((count, 2 * actions), np.float32), np.zeros(count, np.float32)
    actor_forward(weights, seen, first, second, out)
    sample_actions(out, rng.standard_normal(action.shape, np.float32), action, likelihood, std)
    return action


def simulated(weights: np.ndarray, layers: tuple[int, ...], seed: int, believed: Mapping[str, float]) -> np.ndarray:
    """What hidden arms live through that try what a policy says, as a demonstration: whole episodes, (k,).

    believed: rows of the simulator that were measured of the arm that is to practise; theirs are near those.
    """
    rng = np.random.default_rng([seed, 0x51B])
    rows, offset_m = hidden_arms(ARMS, rng)
    for name, value in believed.items():
        rows[name] = value * rng.uniform(1.0 - MEASURED_SHARE, 1.0 + MEASURED_SHARE, ARMS)
    arms = Insertions(ARMS, seed, rows, offset_m, undo=True)
    episodes: list[np.ndarray] = []
    lives = Lives(episodes.append, ARMS)
    for _ in range(SIMULATED):
        seen = arms.seen.copy()
        action = tried(weights, layers, seen, rng)
        lives.add(seen, action, *arms.step(action), demonstration=False)
    told = np.concatenate(episodes)
    told["demonstration"] = 1
    return told
