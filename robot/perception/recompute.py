"""Embeddings computed again from the pictures that a run has kept, and compared with those that were made then, byte for byte."""

import zlib
from pathlib import Path

import msgspec
import numpy as np

from robot.logs.mcap_file import DamagedLog, RefusedLog
from robot.logs.replay import Outcome
from robot.perception.frames import FrameReader, frames_parts
from robot.perception.perception import Eye


class PerceptionReport(msgspec.Struct, frozen=True):
    """What came of one run. largest_difference: of any number of any embedding; None without one.

    Outcomes are those of `robot.logs.replay`; lossy pictures are refused as `unreadable`.
    """

    outcome: Outcome
    equal: bool
    frames: int
    different: int
    largest_difference: float | None
    reason: str = ""


def recompute(run: Path) -> PerceptionReport:
    """Every part of a run's pictures. Raises RefusedLog for a run without pictures, or whose pictures are lossy."""
    parts = frames_parts(run)
    if not parts:
        raise RefusedLog("empty", f"{run}: found no frames.mcap, allowed: a run that kept its pictures")
    frames = different = 0
    largest, ended = 0.0, True
    for path in parts:
        reader = FrameReader(path)
        eye = Eye(reader.encoder, reader.lens, reader.mount)
        try:
            for seen in reader.seen():
                if not reader.lossless:
                    raise RefusedLog("unreadable", f"{path}: its pictures are lossy, allowed: lossless ones")
                number = int(seen.embedding["frame"])
                crc = None if seen.frame is None else zlib.crc32(seen.frame.tobytes())
                if seen.frame is None or crc != seen.embedding["pixels_crc"]:
                    raise DamagedLog(path, f"crc32 of picture {number}", int(seen.embedding["pixels_crc"]), crc)
                embedding = eye.embed(seen.frame, float(seen.embedding["measured_s"]))
                frames += 1
                different += embedding.tobytes() != seen.embedding["embedding"].tobytes()
                largest = max(largest, float(np.abs(embedding - seen.embedding["embedding"]).max()))
        except DamagedLog as damage:
            return PerceptionReport("damaged", False, frames, different, largest if frames else None, str(damage))
        ended = ended and reader.ended
    if frames == 0:
        raise RefusedLog("empty", f"{run}: its frames.mcap holds no pictures")
    if different:
        reason = f"{different} of {frames} embeddings differ, by {largest:.2g} at most"
        return PerceptionReport("different", False, frames, different, largest, reason)
    if not ended:
        reason = f"equal for {frames} pictures; no end follows: cut, or its process was killed"
        return PerceptionReport("cut", True, frames, 0, largest, reason)
    return PerceptionReport("equal", True, frames, 0, largest)
