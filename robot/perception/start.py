"""The perceiving process, for who starts it: started, watched, started again when it has died or hangs, ended."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from robot.perception.asked import ASKED
from robot.perception.encoder import Encoder
from robot.perception.perception import Eye
from robot.perception.place import perceived
from robot.perception.process import PerceptionFile
from robot.perception.result import Perceived, result_dtype
from robot.runtime.clock import Clock
from robot.runtime.processes import Processes
from robot.runtime.session_file import PerceptionPlace
from robot.shared_memory.sealed_record import SealedRecord

NAME, MODULE = "perception", "robot.perception.process"
HANGS_S = 5.0  # without a heartbeat; a camera's driver waits for less
START_S = 60.0  # until the first one


class PerceptionProcess:
    """One of a session's processes. Whoever made it calls `poll` now and then, and `close` in the end."""

    def __init__(
        self, told: PerceptionFile, folder: Path, on_restart: Callable[[str, int], None], lockstep: bool = False
    ) -> None:
        """told's blocks are chosen here. folder: for its words and its file. Raises ValueError for an encoder that is none."""
        eye = Eye(Encoder(Path(told.encoder)), None, told.mount)
        self.size, self.version = eye.size, eye.encoder.version
        self.block = f"robot-{os.getpid()}-{re.sub('[^A-Za-z0-9]+', '', folder.name)[-24:]}-perception"
        self._shown = SealedRecord.create(self.block, result_dtype(self.size))
        self.asked = f"{self.block}-asked" if lockstep else ""
        self._question = SealedRecord.create(self.asked, ASKED) if lockstep else None
        self._path = folder / "perception.json"
        replace(told, block=self.block, asked=self.asked).save(self._path)
        self.processes = Processes(folder / "output", on_restart)
        self.processes.start(NAME, MODULE, str(self._path))

    def device(self, clock: Clock) -> Perceived:
        """What reads its results in this process."""
        return perceived(self.place, clock)

    @property
    def place(self) -> PerceptionPlace:
        """Where another process finds its results."""
        return PerceptionPlace(self.block, self.size, self.version, self.asked)

    @property
    def blocks(self) -> dict[str, str]:
        """The shared memory, for who tidies up."""
        return {NAME: self.block} | ({f"{NAME}-asked": self.asked} if self.asked else {})

    def poll(self) -> bool:
        """Start it again if it has died, or end it if it hangs; False once that has happened too often."""
        child, record = self.processes.children[NAME], self._shown.read()
        heartbeat_s = -float("inf") if record is None else float(record["heartbeat_s"])
        silent_s = min(time.monotonic() - heartbeat_s, child.age_s)
        if child.running and not self.asked and silent_s > (START_S if heartbeat_s < child.started_s else HANGS_S):
            child.kill()
        return child.running or self.processes.revive(NAME)

    @property
    def last_words(self) -> str:
        """Why it ended."""
        return self.processes.children[NAME].last_words()

    def close(self) -> None:
        """End it, and remove what it shared."""
        self.processes.end(NAME, lambda: 0.0)
        self._shown.close()
        if self._question is not None:
            self._question.close()
