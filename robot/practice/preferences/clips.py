"""Clips of a run, of a second each, and which of them are shown beside each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLIP_S = 1.0
PAIRS = 240  # that a person may be shown, fewer of a short run
HELD_OUT_EVERY = 4  # pairs, and episodes: those judge what is fitted to the others


@dataclass(frozen=True, order=True)
class Clip:
    """`count` transitions of one episode, from the step `first` on."""

    first: int
    count: int


@dataclass(frozen=True)
class Pair:
    left: Clip
    right: Clip


def clip_count(decision_s: float) -> int:
    """Transitions of a clip of a task with such decisions."""
    return max(1, round(CLIP_S / decision_s))


def draw_pairs(run: Path, transitions: np.ndarray, count: int) -> list[Pair]:
    """Pairs of clips of `count` transitions, of those (n,) of a run, in their order: the same ones again for the same run. Both clips of a pair are of episodes
    that judge, or both of others. Raises ValueError where too few episodes are long enough."""
    begins = of_one_episode(transitions, count)
    rng = np.random.default_rng(0xB7)
    pairs: dict[Pair, None] = {}
    for number in range(PAIRS):
        judges = number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
        episodes = [each for each in begins if held_out(each) is judges]
        if len(episodes) < 2:
            raise ValueError(
                f"{run}: found {len(begins)} episodes of {count} decisions and more, allowed: at least {2 * HELD_OUT_EVERY}"
            )
        left, right = (
            Clip(int(rng.choice(begins[each])), count) for each in rng.choice(episodes, 2, replace=False).tolist()
        )
        pairs[Pair(left, right)] = None
    return list(pairs)


def of_one_episode(transitions: np.ndarray, count: int) -> dict[int, list[int]]:
    """Of each episode that is long enough, the steps at which a clip may begin."""
    step, episode = transitions["step"].astype(np.int64), transitions["episode"].astype(np.int64)
    begins: dict[int, list[int]] = {}
    for at in range(len(transitions) - count + 1):
        last = at + count - 1
        if episode[at] == episode[last] and step[last] - step[at] == count - 1:
            begins.setdefault(int(episode[at]), []).append(int(step[at]))
    return begins


def held_out(episode: int) -> bool:
    """Whether an episode, by its number, judges."""
    return episode % HELD_OUT_EVERY == 0


def clip_of(transitions: np.ndarray, clip: Clip) -> np.ndarray | None:
    """Its transitions (count,), of a run's in order of their steps; None where they are not all there."""
    at = int(np.searchsorted(transitions["step"], clip.first))
    found = transitions[at : at + clip.count]
    whole = (
        len(found) == clip.count and found["step"][0] == clip.first and (found["episode"] == found["episode"][0]).all()
    )
    return found if whole else None
