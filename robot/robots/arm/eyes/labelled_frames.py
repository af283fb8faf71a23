"""Pictures that are known to be of a peg that is in, or is not: what a classifier of frames is fitted to, calibrated with and judged by."""

import numpy as np

from policies.policy_file import load_policy
from robot.robots.arm.eyes.seen_insertions import SeenInsertions
from robot.robots.arm.hidden_arm import hidden_arms
from robot.robots.arm.script import InsertionScript
from robot.robots.arm.training.labelled import ASIDE_M, IN_M, SHIPPED_POLICY, Labelled
from robot.robots.arm.training.practising import scripted, tried
from robot.tasks.peg_insert import SIZE, SPEC

ARMS, DECISIONS = 96, 200  # of each arm: twenty seconds


def simulated_frames(seed: int, encoder: bytes, arms: int = ARMS, decisions: int = DECISIONS) -> Labelled:
    """Embeddings, in the place of observations, of what the cameras of hidden arms show, each with a look that no encoder learned from. Half of the
    arms are led by the script and half by a policy that tries and errs; they draw out again what they have inserted; the truth labels."""
    rng = np.random.default_rng([seed, 0x5CE])
    rows, _ = hidden_arms(arms, rng)
    lanes = SeenInsertions(arms, int(rng.integers(1 << 20)), encoder, rows, undo=True)
    policy = load_policy(SHIPPED_POLICY, SPEC.name, SIZE)
    scripts = [InsertionScript(rng) for _ in range(arms // 2)]
    number = np.arange(arms)
    embeddings, within, episode = [], [], []

    def note() -> None:
        peg_m = lanes.peg_m()
        aside_m = np.sqrt((peg_m[:, :2] * peg_m[:, :2]).sum(1))
        embeddings.append(lanes.embeddings.copy())
        within.append((peg_m[:, 2] < -IN_M) & (aside_m < ASIDE_M))
        episode.append(number.copy())

    lanes.before_going_on = note
    for _ in range(decisions):
        action = tried(policy.weights, policy.layers, lanes.seen.copy(), rng)
        for lane, script in enumerate(scripts):
            action[lane] = scripted(lanes, lane, script)
        ended, _ = lanes.step(action)
        over = np.flatnonzero(ended)
        number[over] = number.max() + 1 + np.arange(len(over))
        for lane in over[over < len(scripts)]:
            scripts[lane] = InsertionScript(rng)
    return Labelled(np.concatenate(embeddings), np.concatenate(within), np.concatenate(episode))
