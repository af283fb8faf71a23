"""Episodes as they might have been seen: only whole ones, and the same for the same seed."""

from dataclasses import replace

import numpy as np

from policies.replay import transition_dtype
from robot.practice.seen_otherwise import Episodes
from robot.tasks.peg_insert import SPEC


def lived(episode: int, count: int, first: int) -> np.ndarray:
    told = np.zeros(count, transition_dtype(SPEC.observation_size, SPEC.action_size))
    told["episode"], told["step"] = episode, first + np.arange(count)
    told["terminated"][-1] = 1
    return told


def twice(transitions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    other = transitions.copy()
    other["reward"] = rng.random()
    return np.concatenate([other, other])


def test_an_episode_is_told_when_it_is_whole_and_one_that_was_broken_off_is_none():
    episodes = Episodes(replace(SPEC, seen_otherwise=twice), 1)
    told = [len(episodes.seen_otherwise(each)) for each in [*lived(1, 3, 0), *lived(2, 4, 3)[:2], *lived(3, 2, 7)]]
    assert told == [0, 0, 6, 0, 0, 0, 4]


def test_the_same_seed_and_episode_are_seen_alike():
    def seen(seed, episode):
        episodes = Episodes(replace(SPEC, seen_otherwise=twice), seed)
        return np.concatenate([episodes.seen_otherwise(each) for each in lived(episode, 3, 0)])["reward"][0]

    assert seen(1, 2) == seen(1, 2) and len({seen(1, 2), seen(1, 3), seen(2, 2)}) == 3


def test_a_task_that_does_not_tell_adds_nothing():
    episodes = Episodes(replace(SPEC, seen_otherwise=None), 1)
    assert not any(len(episodes.seen_otherwise(each)) for each in lived(1, 3, 0))
