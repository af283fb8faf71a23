"""The episodes of a run as an arm with a camera on its hand saw them: from the run's log, which has every embedding that control knew of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot.logs.reader import LogReader
from robot.practice.settings import load_config
from robot.robots.arm.eyes.seeing_arm import BY_CAMERA
from robot.robots.arm.eyes.wrist_eyes import LATENCY_S
from robot.robots.arm.eyes.wrist_view import SIZE
from robot.robots.arm.options import ArmOptions
from robot.runtime.episodes import Outcome

AFTER_S = 0.2  # of an episode's end: pictures come late, and those from then show how it ended


@dataclass(frozen=True)
class SeenEpisode:
    """An episode that came to an end of its own. number: from 1, as the log has them. judged: success, failure or time-out. took_s. aside_m,
    deep_m: of the peg's end from the hole's axis and below the board, as it was told at the end. embeddings (n, SIZE) float32, each picture's
    once; taken_s (n,): when each was taken, from the end, negative before it;
    away_m (n,): how far the peg's end was then, by the servos, from where it was at the end, or a little nearer: control knew a picture later."""

    number: int
    judged: str
    took_s: float
    aside_m: float
    deep_m: float
    embeddings: np.ndarray
    taken_s: np.ndarray
    away_m: np.ndarray


def seen_episodes(run: Path) -> list[SeenEpisode]:
    """In order. Raises ValueError for a folder that is no run of an arm with a camera, or of another version; RefusedLog, DamagedLog."""
    config = load_config(run, ArmOptions)
    if config.task != BY_CAMERA:
        raise ValueError(f"{run}: found a run of --task {config.task}, allowed: {BY_CAMERA}, of an arm with a camera")
    log = LogReader(run).contents(("life", "tick", "time_s", "camera"))
    if len(log.outputs) == 0 or len(log.readings) == 0:
        raise ValueError(f"{run}: its log holds no ticks")
    if log.readings["camera"].dtype["embedding"].shape[0] < SIZE:
        raise ValueError(f"{run}: its log was written by another version, whose embeddings are shorter than {SIZE}")
    _, first = np.unique(_keys(log.readings), return_index=True)
    readings = log.readings[first]
    places, known = _keys(log.outputs), _keys(readings)
    episodes: list[SeenEpisode] = []
    life = number = 0
    for event in log.events:
        life = event.get("life", life)  # only `start` says which life begins
        if event["kind"] != "episode":
            continue
        number += 1
        if event["outcome"] == Outcome.TAKEN_OVER.word:
            continue
        end = (life << 40) + event["tick"]
        at = int(np.searchsorted(places, end))
        if at == len(places) or places[at] != end:
            continue  # its tick was dropped: nothing is known of it
        own = readings[np.searchsorted(known, life << 40) : np.searchsorted(known, (life + 1) << 40)]
        came_s = own["time_s"] - event["time_s"]
        during = own[(came_s >= -event["merit"]) & (came_s <= AFTER_S)]
        camera = during["camera"]
        new = (camera["points"] == SIZE) & (np.diff(camera["frame"].astype(np.int64), prepend=-1) != 0)
        taken_s = during["time_s"] - camera["embedding_age_s"] - LATENCY_S - event["time_s"]
        aside_m, end_m = log.outputs["figures"]["aside_m"][at], log.outputs["figures"]["end_m"]
        then = np.minimum(np.searchsorted(places, _keys(during[new])), len(places) - 1)
        away_m = np.sqrt(((end_m[then] - end_m[at]) ** 2).sum(1))
        episodes.append(SeenEpisode(number, event["outcome"], event["merit"], float(np.hypot(aside_m[0], aside_m[1])), -float(aside_m[2]),
                                    camera["embedding"][new][:, :SIZE], taken_s[new], away_m))  # fmt: skip
    return episodes


def _keys(records: np.ndarray) -> np.ndarray:
    """By which records of a tick are found, in order."""
    return (records["life"].astype(np.int64) << 40) + records["tick"].astype(np.int64)
