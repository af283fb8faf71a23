"""The process that perceives: `python -m robot.perception.process PERCEPTION.json`."""

import json
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

from drivers.camera import PIPE, CameraSettings
from drivers.declared import driver_of, make_driver, settings_of
from policies.array_file import write_bytes_atomically
from robot.perception.asked import LOOK_S, AskedClock
from robot.perception.encoder import Encoder
from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.frames import FrameWriter, Kept
from robot.perception.lens import read_lens
from robot.perception.mount import Mount
from robot.perception.perception import Eye, Perception
from robot.perception.result import result_dtype
from robot.perception.scheduling import come_before_learning
from robot.runtime.clock import RealClock
from robot.runtime.process_ends import end_with_reason
from robot.shared_memory.sealed_record import SealedRecord
from sim.input_files import from_table, read_bytes, read_json

LOOKS_SOON = 500  # in lockstep: afterwards whoever asks is busy with something else
POLL_S = 0.002  # between two looks at a camera, which says nothing when a picture comes


@dataclass(frozen=True)
class PerceptionFile:
    """What the process is told. camera: a device's table, as in a robot's file; lens: a file's path, empty for none.

    keep: whether pictures go to `frames.mcap` in the run's folder, and how. block: of shared memory, for the result. asked: of another
    one, which tells the time in lockstep; empty in real time. mount: of a camera that also tells how the floor moves.
    """

    camera: dict[str, Any]
    encoder: str
    block: str
    lens: str = ""
    keep: Kept = "none"
    run: str = ""
    asked: str = ""
    mount: Mount | None = None

    @classmethod
    def of_run(
        cls,
        folder: Path,
        camera: Any,
        emulated: str | None,
        encoder: bytes,
        lens: str,
        keep: Kept,
        mount: Mount | None = None,
    ) -> "PerceptionFile":
        """Of a run in that folder, which keeps a copy of the encoder. camera: a driver's settings; emulated: where its emulator's pictures
        come out, None where there is none.
        """
        path = folder / ENCODER_FILE
        write_bytes_atomically(path, [encoder])
        told = {"driver": driver_of(camera).name, **vars(camera)}
        if emulated is not None and isinstance(camera, CameraSettings):
            told["source"] = PIPE + emulated
        return cls(told, str(path), "", lens, keep, str(folder), mount=mount)

    def save(self, path: Path) -> None:
        write_bytes_atomically(path, [json.dumps(asdict(self)).encode()])


def perceive(told: PerceptionFile, ended: threading.Event) -> None:
    """Look until it is told to end. Raises ValueError for what cannot be, OSError if pictures have no place."""
    cv2.setNumThreads(1)
    print(f"scheduling: {'lockstep' if told.asked else come_before_learning()}", flush=True)
    asked = AskedClock(told.asked) if told.asked else None
    clock = asked or RealClock()
    camera = make_driver(settings_of(told.camera), clock)
    encoder = Encoder(Path(told.encoder))
    lens = read_lens(Path(told.lens)) if told.lens else None
    eye = Eye(encoder, lens, told.mount)
    frames = None
    if told.keep != "none":
        frames = FrameWriter(Path(told.run), told.keep, read_bytes(Path(told.encoder)), eye.size, lens, told.mount)
    shown = SealedRecord.attach(told.block, result_dtype(eye.size))
    perception = Perception(camera, eye, shown, clock, frames)
    looks = 0  # since it was last asked
    try:
        while not ended.is_set():
            if asked is not None:
                looks = 0 if asked.moved() else looks + 1
                if looks:
                    time.sleep(LOOK_S if looks < LOOKS_SOON else POLL_S)
                else:
                    perception.step()
            elif not perception.step():
                ended.wait(POLL_S)
    finally:
        perception.close()
        shown.close()
        if asked is not None:
            asked.close()


def main() -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    with end_with_reason("perception"):
        path = Path(sys.argv[1])
        perceive(from_table(path, PerceptionFile, read_json(path)), ended)


if __name__ == "__main__":
    main()
