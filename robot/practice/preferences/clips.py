"""Clips of a run, of a second each, and which of them are shown beside each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLIP_S = 1.0
PAIRS = 240  # that a person may be shown, fewer of a short run
HELD_OUT_EVERY = 4  # pairs, and stretches of a run: those judge what is fitted to the others
STRETCH = 100  # decisions at most: some robots go on for a session without an end of an episode


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
    """Pairs of clips of `count` transitions, of those (n,) of a run, in their order: the same ones again for the same run. Both clips of a pair are of
    stretches that judge, or both of others. Raises ValueError where too few are long enough."""
    begins = begins_of(transitions, count)
    rng = np.random.default_rng(0xB7)
    pairs: dict[Pair, None] = {}
    for number in range(PAIRS):
        judges = number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
        stretches = [each for each in begins if held_out(each) is judges]
        if len(stretches) < 2:
            raise ValueError(
                f"{run}: found {len(begins)} episodes, or stretches of {STRETCH} decisions of one, with {count} decisions and more, allowed: at least "
                f"{2 * HELD_OUT_EVERY}"
            )
        left, right = (
            Clip(int(rng.choice(begins[each])), count) for each in rng.choice(stretches, 2, replace=False).tolist()
        )
        pairs[Pair(left, right)] = None
    return list(pairs)


def stretches_of(transitions: np.ndarray) -> np.ndarray:
    """The number of the stretch that each (n,) is in, from 0: another one begins with an episode, where a transition is missing, and after STRETCH."""
    step, episode = transitions["step"].tolist(), transitions["episode"].tolist()
    numbers, began = np.zeros(len(step), np.int64), 0
    for at in range(1, len(step)):
        follows = step[at] == step[at - 1] + 1 and episode[at] == episode[at - 1] and at - began < STRETCH
        began = began if follows else at
        numbers[at] = numbers[at - 1] + (not follows)
    return numbers


def begins_of(transitions: np.ndarray, count: int) -> dict[int, list[int]]:
    """Of each stretch that is long enough, the steps at which a clip may begin."""
    stretch = stretches_of(transitions)
    begins: dict[int, list[int]] = {}
    for at in np.flatnonzero(stretch[: len(stretch) - count + 1] == stretch[count - 1 :]).tolist():
        begins.setdefault(int(stretch[at]), []).append(int(transitions["step"][at]))
    return begins


def held_out(stretch: int) -> bool:
    """Whether a stretch, by its number, judges."""
    return stretch % HELD_OUT_EVERY == 0


def place_of(transitions: np.ndarray, clip: Clip) -> int | None:
    """Where a clip begins in a run's transitions, in order of their steps; None where they are not all there."""
    at = int(np.searchsorted(transitions["step"], clip.first))
    found = transitions[at : at + clip.count]
    whole = len(found) == clip.count and (found["step"] == clip.first + np.arange(clip.count)).all()
    return at if whole and (found["episode"] == found["episode"][0]).all() else None


def clip_of(transitions: np.ndarray, clip: Clip) -> np.ndarray | None:
    """Its transitions (count,); None where they are not all there."""
    at = place_of(transitions, clip)
    return None if at is None else transitions[at : at + clip.count]
