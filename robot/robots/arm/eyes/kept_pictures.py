"""How the episodes of a run ended, in the pictures that it has kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot.perception.kept import check_kept, kept_pictures
from robot.robots.arm.eyes.seen_episodes import SeenEpisode

PLAYED_S = 3.0  # before an episode's end


@dataclass(frozen=True)
class Played:
    """pictures: (height, width) uint8 each, in order; taken_s: of each, from the episode's end."""

    episode: SeenEpisode
    pictures: list[np.ndarray]
    taken_s: list[float]


def played(run: Path, episodes: Sequence[SeenEpisode]) -> list[Played]:
    """Those episodes of which pictures were kept. Raises ValueError for a run without pictures; RefusedLog, DamagedLog."""
    check_kept(run, "robot practice --task peg_insert --robot virtual-camera-arm")
    places = {
        embedding.tobytes(): (at, taken_s)
        for at, episode in enumerate(episodes)
        for embedding, taken_s in zip(episode.embeddings, episode.taken_s.tolist(), strict=True)
        if taken_s > -PLAYED_S
    }
    found: list[Played] = [Played(episode, [], []) for episode in episodes]
    for (at, taken_s), picture in kept_pictures(run, places):
        found[at].pictures.append(picture)
        found[at].taken_s.append(taken_s)
    return [each for each in found if each.pictures]
