"""Pictures that a run has kept, found again by what was made of them: log and pictures have each embedding alike."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from robot.perception.frames import FrameReader, frames_parts

WIDEST, HIGHEST = 64, 48  # pixels of a picture that is kept in memory
Place = TypeVar("Place")


def check_kept(run: Path, asked: str) -> None:
    """Raises ValueError for a run that has kept no pictures. asked: what would have kept them."""
    if not frames_parts(run):
        raise ValueError(
            f"{run}: found no frames.mcap, allowed: a run that kept its pictures, of {asked} --frames lossless (or lossy)"
        )


def kept_pictures(run: Path, places: Mapping[bytes, Place]) -> Iterator[tuple[Place, np.ndarray]]:
    """Of embeddings, as bytes, each with what it stands for: that, and its picture, grey (height, width) uint8, in order. Raises RefusedLog, DamagedLog."""
    for part in frames_parts(run):
        for seen in FrameReader(part).seen(lambda record: record["embedding"].tobytes() in places):
            if seen.frame is not None:
                yield places[seen.embedding["embedding"].tobytes()], fitted(seen.frame, WIDEST, HIGHEST)


def fitted(frame: np.ndarray, widest: int, highest: int) -> np.ndarray:
    """A picture, grey or of three colours, as grey (height, width), made smaller where it is larger."""
    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    share = min(1.0, widest / width, highest / height)
    size = max(1, int(width * share)), max(1, int(height * share))
    return grey if share == 1.0 else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
