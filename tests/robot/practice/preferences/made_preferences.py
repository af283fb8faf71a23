"""Drives of the toy's cart by nobody in particular, and what a script prefers of them: more of the task's own reward."""

import numpy as np

from policies.replay import transition_dtype
from robot.practice.preferences.clips import Pair, clip_of
from robot.practice.preferences.preferences_file import Better, Preferences
from tests.toy_robot.emulator import Rail
from tests.toy_robot.task import DECISION_S, SPEC, reward

EPISODES, DECISIONS = 24, 40


def drives(seed: int = 0) -> np.ndarray:
    """Transitions (EPISODES x DECISIONS,), in order."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(EPISODES * DECISIONS, transition_dtype(SPEC.observation_size, SPEC.action_size))
    for episode in range(EPISODES):
        rail, gain = Rail(float(rng.uniform(-0.9, 0.9))), rng.uniform(-1.0, 2.0)
        for k in range(DECISIONS):
            row = rows[episode * DECISIONS + k]
            row["step"], row["episode"], row["duration_s"] = episode * DECISIONS + k, episode, DECISION_S
            row["observation"] = rail.place_m, rail.speed_m_s
            row["action"] = np.clip(-gain * rail.place_m + rng.normal(0.0, 0.5), -1.0, 1.0)
            rail.push(float(row["action"][0]))
            rail.advance((k + 1) * DECISION_S)
            row["next_observation"] = rail.place_m, rail.speed_m_s
            row["reward"] = reward(rail.place_m, rail.speed_m_s)
    return rows


def preferred(transitions: np.ndarray, pairs: list[Pair]) -> Preferences:
    """What earns more; the same where both earn about the same."""
    return {pair: better(transitions, pair) for pair in pairs}


def better(transitions: np.ndarray, pair: Pair, same: float = 1e-3) -> Better:
    earned = [
        float(clip["reward"].mean())
        for each in (pair.left, pair.right)
        if (clip := clip_of(transitions, each)) is not None
    ]
    return "same" if abs(earned[0] - earned[1]) < same else "left" if earned[0] > earned[1] else "right"
