"""From a frame to an embedding to a command, on one core: a camera's picture, its lens undone, the encoder, shared memory, a policy.

The encoder is the size of one that drives a car (96 x 32 grey, 64 numbers), with weights by a seed: what it costs does not depend on
what it has learned.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from drivers.frame_check import FrameCheck
from policies import encoder as trained
from policies.actor import Actor, actor_layers, initial_weights
from robot.perception.encoder import Encoder
from robot.perception.perception import Eye
from robot.perception.quantise import quantise
from robot.perception.result import Perceived, result_dtype
from robot.perception.scheduling import come_before_learning
from robot.runtime.clock import RealClock
from robot.shared_memory.sealed_record import SealedRecord
from sim.camera.lens import Lens
from sim.scratch_folder import scratch_folder

WIDTH, HEIGHT, SIZE = 96, 32, 64
CAMERA = Lens(640, 480, 330.0, 330.0, 319.5, 239.5, (-0.28, 0.07, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
FRAMES, ROUNDS = 64, 20
SENSED, ACTIONS = 8, 2  # beside the embedding


def run() -> dict[str, Any]:
    """Milliseconds from a picture of 640 x 480 in memory to a command, float32 and int8, in turns; and microseconds of parts
    alone: the encoder, and, not in those, a JPEG's decoding and the look whether it is a picture at all."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (FRAMES, 15, 20, 3), dtype=np.uint8)
    frames = [cv2.resize(each, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_LINEAR) for each in coarse]
    cv2.setNumThreads(1)
    cores, policy, priority = os.sched_getaffinity(0), os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with scratch_folder("robot-bench") as folder:
            floating, whole = folder / "float32.onnx", folder / "int8.onnx"
            write_seeded_encoder(floating)
            from_camera = Eye(Encoder(floating), CAMERA)
            quantise(floating, whole, [from_camera.view.of(frame) for frame in frames])
            return compare(frames, Eye(Encoder(floating), CAMERA), Eye(Encoder(whole), CAMERA))
    finally:
        os.sched_setaffinity(0, cores)
        os.sched_setscheduler(0, policy, priority)


def compare(frames: list[np.ndarray], floating: Eye, whole: Eye) -> dict[str, Any]:
    scheduling = come_before_learning()  # as the process does that perceives
    chains = {"": Chain(floating, "float32"), "int8_": Chain(whole, "int8")}
    try:
        times_ms: dict[str, list[float]] = {name: [] for name in chains}
        for _ in range(ROUNDS):
            for name, chain in chains.items():
                times_ms[name] += [chain.run(frame) for frame in frames]
    finally:
        for chain in chains.values():
            chain.close()
    pictures = [floating.view.of(frame) for frame in frames]
    jpegs = [cv2.imencode(".jpg", frame)[1] for frame in frames]
    check = FrameCheck()
    difference = [np.abs(floating.embed(frame) - whole.embed(frame)).max() for frame in frames]
    return {
        "p50_ms": percentile(times_ms[""], 50),
        "p99_ms": percentile(times_ms[""], 99),
        "int8_p50_ms": percentile(times_ms["int8_"], 50),
        "int8_p99_ms": percentile(times_ms["int8_"], 99),
        "encoder_us": median_us(floating.encoder.embed, pictures),
        "int8_encoder_us": median_us(whole.encoder.embed, pictures),
        "jpeg_us": median_us(lambda jpeg: cv2.imdecode(jpeg, cv2.IMREAD_COLOR), jpegs),
        "check_us": median_us(check.why_bad, frames),
        "int8_largest_difference": round(float(max(difference)), 3),
        "frames": FRAMES * ROUNDS,
        "scheduling": scheduling,
    }


class Chain:
    """What happens between a frame and a command, in one process: the wait until control's next tick is not in it."""

    def __init__(self, eye: Eye, name: str) -> None:
        clock, size = RealClock(), eye.encoder.size
        self._eye, self._clock = eye, clock
        self._record = np.zeros((), result_dtype(size))
        self._record["encoder"] = eye.encoder.version
        block = f"robot-{os.getpid()}-bench-{name}"
        self._shown = SealedRecord.create(block, result_dtype(size))
        self._device = Perceived(block, size, eye.encoder.version, clock)
        self._device.open()
        layers = actor_layers(size + SENSED, ACTIONS)
        self._actor = Actor(layers, initial_weights(layers, np.random.default_rng(1)))
        self._actor.mean(np.zeros(size + SENSED, np.float32))  # compiles
        self._observation = np.zeros(size + SENSED, np.float32)

    def run(self, frame: np.ndarray) -> float:
        """Milliseconds."""
        began_s = time.perf_counter()
        record = self._record
        record["embedding"], record["measured_s"] = self._eye.embed(frame), self._clock.now()
        record["frame"] += 1
        self._shown.write(record)
        reading = self._device.read()
        self._observation[: len(reading.embedding)] = reading.embedding
        self._actor.mean(self._observation)
        return 1000.0 * (time.perf_counter() - began_s)

    def close(self) -> None:
        self._device.close()
        self._shown.close()


def median_us(do: Callable[[np.ndarray], Any], with_each: Sequence[np.ndarray]) -> float:
    """Of a part by itself."""
    times_us = []
    for each in with_each:
        began_s = time.perf_counter()
        do(each)
        times_us.append(1e6 * (time.perf_counter() - began_s))
    return round(float(np.median(times_us)), 1)


def percentile(times_ms: list[float], share: float) -> float:
    return round(float(np.percentile(times_ms, share)), 3)


def write_seeded_encoder(path: Path) -> None:
    torch.manual_seed(0)
    path.write_bytes(trained.onnx_file(trained.Encoder(HEIGHT, WIDTH, 1, SIZE)))
