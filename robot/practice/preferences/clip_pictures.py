"""What a camera showed in clips of a run, of the pictures that it has kept."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robot.logs.reader import LogReader
from robot.perception.kept import check_kept, kept_pictures
from robot.practice.preferences.clips import CLIP_S, Clip


@dataclass
class Seen:
    """pictures: (height, width) uint8 each, in order; at_s: of each, from the clip's beginning, when control knew it."""

    pictures: list[np.ndarray] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)


def pictures_of(run: Path, clips: Iterable[Clip]) -> dict[Clip, Seen]:
    """Of those of which pictures were kept. Raises ValueError for a run without any; RefusedLog, DamagedLog."""
    check_kept(run, "robot practice, of a robot with a camera,")
    log = LogReader(run).contents(("life", "time_s", "camera"))
    decided = log.outputs[log.outputs["is_decision"] != 0]
    began = {step: (life, at_s) for step, life, at_s in decided[["step", "life", "time_s"]].tolist()}
    new = log.readings[np.diff(log.readings["camera"]["frame"].astype(np.int64), prepend=-1) != 0]
    camera = new["camera"]
    embeddings: dict[bytes, list[tuple[Clip, float]]] = {}
    seen: dict[Clip, Seen] = {}
    for clip in clips:
        if clip.first not in began:
            continue
        life, at_s = began[clip.first]
        during = (new["life"] == life) & (new["time_s"] >= at_s) & (new["time_s"] <= at_s + CLIP_S)
        for k in np.flatnonzero(during & (camera["points"] > 0)):
            told = camera["embedding"][k, : camera["points"][k]].tobytes()
            embeddings.setdefault(told, []).append((clip, float(new["time_s"][k]) - at_s))
    for places, picture in kept_pictures(run, embeddings):
        for clip, at_s in places:
            shown = seen.setdefault(clip, Seen())
            shown.pictures.append(picture)
            shown.at_s.append(at_s)
    return seen
