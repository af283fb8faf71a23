"""Moments that are known to be of a peg that is in, or is not: what a classifier of success is fitted to, calibrated with and judged by.

In the simulator hidden arms are asked, half of them led by the script and half by a policy that tries and errs; the truth labels them. Of a
run, what was shown and what failed are its own labels: a demonstration ends with its peg in, and all before is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policies.policy_file import load_policy
from policies.replay import load_folder
from robot.practice.settings import load_config
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.options import SCRIPTED, ArmOptions
from robot.robots.arm.script import InsertionScript
from robot.robots.arm.training.insertions import Insertions
from robot.robots.arm.training.practising import scripted, tried
from robot.tasks.peg_insert import IN, SIZE, SPEC, WANTED

ARMS, DECISIONS = 96, 500  # of each arm: fifty seconds
IN_M, ASIDE_M = 0.007, 0.002  # so deep and so near its axis, a peg is truly in its hole
SHIPPED_POLICY = Path(__file__).parents[4] / "policies" / "shipped" / "peg_insert.npz"


@dataclass(frozen=True)
class Labelled:
    """Moments in their order. seen (n, SIZE); within (n,): whether the peg is in; episode (n,): numbers of their episodes."""

    seen: np.ndarray
    within: np.ndarray
    episode: np.ndarray

    def of(self, episodes: np.ndarray) -> "Labelled":
        """Those of some episodes."""
        chosen = np.isin(self.episode, episodes)
        return Labelled(self.seen[chosen], self.within[chosen], self.episode[chosen])


def simulated(seed: int, arms: int = ARMS, decisions: int = DECISIONS) -> Labelled:
    """What hidden arms see that nobody has met, labelled by the truth. Arms draw out again what they have inserted."""
    rng = np.random.default_rng([seed, 0x5CC])
    rows, offset_m = hidden_arms(arms, rng)
    lanes = Insertions(arms, int(rng.integers(1 << 31)), rows, offset_m, undo=True)
    policy = load_policy(SHIPPED_POLICY, SPEC.name, SIZE)
    scripts = [InsertionScript(rng) for _ in range(arms // 2)]
    number = np.arange(arms)
    seen, within, episode = [], [], []
    truths: list[np.ndarray] = []
    lanes.before_going_on = lambda: truths.append(lanes.peg_m())
    for _ in range(decisions):
        action = tried(policy.weights, policy.layers, lanes.seen.copy(), rng)
        for lane, script in enumerate(scripts):
            action[lane] = scripted(lanes, lane, script)
        ended, last = lanes.step(action)
        peg_m = truths.pop()
        aside_m = np.sqrt((peg_m[:, :2] * peg_m[:, :2]).sum(1))
        seen.append(last)
        within.append((peg_m[:, 2] < -IN_M) & (aside_m < ASIDE_M))
        episode.append(number.copy())
        over = np.flatnonzero(ended)
        number[over] = number.max() + 1 + np.arange(len(over))
        for lane in over[over < len(scripts)]:
            scripts[lane] = InsertionScript(rng)
    return Labelled(np.concatenate(seen), np.concatenate(within), np.concatenate(episode))


def of_run(folder: Path, load: Callable[[Path], np.ndarray] = load_folder) -> Labelled:
    """Demonstrations and failures of a run, of its insertions: what draws the peg out again is a success without it. Raises ValueError for
    a run without them, or one that a classifier has judged: nothing is fitted to what it has rewarded itself."""
    config = load_config(folder, ArmOptions)
    if config.task != SPEC.name or config.success != SCRIPTED:
        raise ValueError(
            f"--success-from: found {folder}, of --task {config.task} --success {config.success}, allowed: a run of "
            f"--task {SPEC.name} --success {SCRIPTED}: no classifier is fitted to what one has rewarded"
        )
    told = load(folder / "replay")
    if len(told) and told["observation"].shape[1] != SIZE:
        raise ValueError(
            f"--success-from: found {folder}, whose observations have {told['observation'].shape[1]} numbers, allowed: {SIZE}; it is "
            f"of another version"
        )
    if len(told):
        told = told[told["observation"][:, WANTED] == IN]
    ends = {int(t["episode"]): t for t in told if t["terminated"] or t["truncated"]}
    chosen = [
        t for t in told if t["demonstration"] or (int(t["episode"]) in ends and ends[int(t["episode"])]["truncated"])
    ]
    within = np.array([bool(t["terminated"]) for t in chosen], bool)
    if within.sum() < 10 or (~within).sum() < 100:
        raise ValueError(
            f"--success-from: found {folder} with {int(within.sum())} demonstrated successes and {int((~within).sum())} other moments, "
            f"allowed: 10 and 100 at least"
        )
    return Labelled(
        np.stack([t["next_observation"] for t in chosen]), within, np.array([int(t["episode"]) for t in chosen])
    )
