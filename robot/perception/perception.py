"""From a camera's newest picture to its embedding, and to whoever looks: one step of the process that perceives."""

from typing import Any

import numpy as np

from drivers.base import NEVER_S, Driver, LinkLost
from drivers.reading_record import fill_text
from robot.perception.encoder import Encoder
from robot.perception.floor_motion import FloorMotion
from robot.perception.frames import FrameWriter, embedding_dtype
from robot.perception.lens import View
from robot.perception.mount import MOTION, Mount
from robot.perception.result import Shown, result_dtype
from robot.runtime.clock import Clock
from sim.camera.lens import Lens

RETRY_S = 0.5  # between two attempts to find a camera that is gone
FLUSH_S = 1.0


class Eye:
    """An encoder behind a lens: a camera's picture in, an embedding out. The same pictures give the same bytes.

    Of a mount that is told, behind the embedding follows how the floor moves (`FloorMotion`). size: of all of it.
    """

    def __init__(self, encoder: Encoder, lens: Lens | None, mount: Mount | None = None) -> None:
        """Raises ValueError for a mount with an encoder that does not say its lens, or that shows no floor."""
        self.encoder = encoder
        if mount is not None and encoder.lens is None:
            raise ValueError("encoder: found no lens in it, allowed: one, where the floor's motion is to be seen")
        self._floor = None if mount is None or encoder.lens is None else FloorMotion(encoder.lens, mount)
        self.size = encoder.size + (MOTION if mount is not None else 0)
        self.view = View(encoder.height, encoder.width, encoder.channels, lens, encoder.lens)

    def embed(self, frame: np.ndarray, measured_s: float = 0.0) -> np.ndarray:
        """(size,) float32 of what a camera gives. Raises ValueError for another size than the lens was calibrated for.

        measured_s: when it was taken; the floor's motion alone asks for it.
        """
        picture = self.view.of(frame)
        embedding = self.encoder.embed(picture)
        return embedding if self._floor is None else np.concatenate([embedding, self._floor.of(picture, measured_s)])


class Perception:
    """Looks at a camera, and leaves what it sees in shared memory. frames: keeps the pictures; None: nobody does."""

    def __init__(
        self,
        camera: Driver[Any],
        eye: Eye,
        shown: Shown,
        clock: Clock,
        frames: FrameWriter | None = None,
    ) -> None:
        self.camera, self._eye, self._shown, self._clock = camera, eye, shown, clock
        self._frames = frames
        self._lost = "perception: its camera is not open yet"
        self._retry_s = self._flush_s = -NEVER_S
        self._wrong = self._unkept = ""  # what was made of the newest picture; why pictures are no longer kept
        self._record = np.zeros((), result_dtype(eye.size))
        self._record["measured_s"] = -NEVER_S
        left = shown.read()  # by a life before this one, whose last result grows old until there is a new one
        if left is not None and left["encoder"] == eye.encoder.version:
            self._record[...] = left
        self._record["encoder"] = eye.encoder.version

    def step(self) -> bool:
        """Take in what is new. True if there is a new result."""
        reading = self._look(self._clock.now())
        now = self._clock.now()  # to look for a camera may take a while
        frame: np.ndarray | None = None if reading is None else reading.frame
        if reading is not None:
            self._record["bad"] = reading.bad
        seen = reading is not None and frame is not None and self._see(frame, now - reading.frame_age_s)
        self._record["heartbeat_s"] = self._clock.now()
        fill_text(self._record["trouble"], self._lost or self.camera.trouble() or self._wrong or self._unkept)
        self._shown.write(self._record)
        if seen and frame is not None and self._frames is not None:
            self._keep(self._frames, frame, now)
        return seen

    def _look(self, now: float) -> Any:
        """The camera's reading; None while there is none, and it is looked for."""
        try:
            if self._lost:
                if now - self._retry_s < RETRY_S:
                    return None
                self._retry_s = now
                if not self.camera.reconnect():
                    self._lost = self.camera.trouble()
                    return None
                self._lost = ""
            return self.camera.read()
        except LinkLost as error:
            self._lost, self._retry_s = str(error), now
            return None

    def _see(self, frame: np.ndarray, measured_s: float) -> bool:
        """Encode a picture; False if nothing came of it."""
        try:
            embedding = self._eye.embed(frame, measured_s)
        except ValueError as error:
            self._wrong = f"perception: {error}"
            return False
        if not np.isfinite(embedding).all():
            self._wrong = "perception: its encoder's result is not finite"
            return False
        self._wrong = ""
        self._record["embedding"], self._record["measured_s"] = embedding, measured_s
        self._record["frame"] += 1
        return True

    def _keep(self, frames: FrameWriter, frame: np.ndarray, now: float) -> None:
        """Behind the result, which does not wait for it. A full disk ends the keeping, not the seeing."""
        kept = np.zeros((), embedding_dtype(self._eye.size))
        for name in ("measured_s", "frame", "encoder", "embedding"):
            kept[name] = self._record[name]
        try:
            frames.add(frame, kept)
            if now - self._flush_s > FLUSH_S:
                frames.flush()
                self._flush_s = now
        except OSError as error:
            self._frames, self._unkept = None, f"perception: pictures are no longer kept: {error.strerror}"

    def close(self) -> None:
        """Release the camera, and end the file."""
        self.camera.close()
        if self._frames is not None:
            self._frames.close()
