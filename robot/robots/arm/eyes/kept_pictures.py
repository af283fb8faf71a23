"""How the episodes of a run ended, in the pictures that it has kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from robot.perception.frames import FrameReader, frames_parts
from robot.robots.arm.eyes.seen_episodes import SeenEpisode

PLAYED_S = 3.0  # before an episode's end
WIDEST, HIGHEST = 64, 48  # pixels of a picture that is kept in memory


@dataclass(frozen=True)
class Played:
    """pictures: (height, width) uint8 each, in order; taken_s: of each, from the episode's end."""

    episode: SeenEpisode
    pictures: list[np.ndarray]
    taken_s: list[float]


def played(run: Path, episodes: Sequence[SeenEpisode]) -> list[Played]:
    """Those episodes of which pictures were kept. A picture is found by its embedding, which log and pictures have alike. Raises ValueError
    for a run without pictures; RefusedLog, DamagedLog."""
    parts = frames_parts(run)
    if not parts:
        raise ValueError(f"{run}: found no frames.mcap, allowed: a run that kept its pictures, of robot practice --task peg_insert "
                         "--robot virtual-camera-arm --frames lossless (or lossy)")  # fmt: skip
    place = {
        embedding.tobytes(): (at, taken_s)
        for at, episode in enumerate(episodes)
        for embedding, taken_s in zip(episode.embeddings, episode.taken_s.tolist(), strict=True)
        if taken_s > -PLAYED_S
    }
    found: list[Played] = [Played(episode, [], []) for episode in episodes]
    for part in parts:
        for seen in FrameReader(part).seen(lambda record: record["embedding"].tobytes() in place):
            if seen.frame is not None:
                at, taken_s = place[seen.embedding["embedding"].tobytes()]
                found[at].pictures.append(fitted(seen.frame, WIDEST, HIGHEST))
                found[at].taken_s.append(taken_s)
    return [each for each in found if each.pictures]


def fitted(frame: np.ndarray, widest: int, highest: int) -> np.ndarray:
    """A picture, grey or of three colours, as grey (height, width), made smaller where it is larger."""
    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    share = min(1.0, widest / width, highest / height)
    size = max(1, int(width * share)), max(1, int(height * share))
    return grey if share == 1.0 else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
