"""A virtual arm inside this process, for its set-up: what its own process is to a session, without the waiting."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from drivers.emulators.virtual_arm import TRUTH, ArmTruth, VirtualArm
from robot.robots.arm.setup_arm import setting_up
from sim.scratch_folder import make_scratch


class InProcess:
    """As `RunningArm`, and its lockstep clock."""

    def __init__(self, model: VirtualArm, directory: Path) -> None:
        self.model, self.directory = model, directory
        self.ports = {name: str(directory / name) for name in model.lines}

    def fault(self, do: str, **arguments: Any) -> None:
        self.model.obey(json.dumps({"do": do, **arguments}).encode())

    def truth(self, patience_s: float = 0.0) -> ArmTruth:
        return ArmTruth._make(TRUTH.unpack(self.model.state()))

    def now(self) -> float:
        return self.model.time_s

    def sleep_until(self, time_s: float) -> None:
        if time_s > self.model.time_s:
            self.model.advance(time_s)

    def close(self) -> None:
        for line in self.model.lines.values():
            line.unplug()


@contextmanager
def in_this_process() -> Iterator[list[InProcess]]:
    """Meanwhile set-ups start their arms here; those that were started."""
    started: list[InProcess] = []

    def start(
        clock: str, joint_rad: list[float], seed: int, rows: Any, offset_m: Any, wiring: str, leader: bool
    ) -> InProcess:
        directory = make_scratch("arm-here")
        model = VirtualArm(directory, joint_rad, seed, rows, offset_m, wiring=wiring, leader=leader)
        started.append(InProcess(model, directory))
        return started[-1]

    class Clock:
        """The newest one's."""

        def __init__(self, path: str) -> None: ...

        def now(self) -> float:
            return started[-1].now()

        def sleep_until(self, time_s: float) -> None:
            started[-1].sleep_until(time_s)

        def close(self) -> None: ...

    try:
        with patch.multiple(setting_up, start_virtual_arm=start, LockstepClock=Clock):
            yield started
    finally:
        for each in started:
            shutil.rmtree(each.directory)
