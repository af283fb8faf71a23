"""Read, think, write, at a steady period: the loop that owns the robot's devices.

Each tick starts at its own time on the clock. A tick that ends late skips the ticks that it overran (and counts them):
the phase is kept and nothing spins. Whatever goes wrong in a tick, the robot is told to stop before anyone is told why.
"""

import numpy as np
from numpy.typing import ArrayLike

from drivers.base import LinkLost
from robot.runtime.clock import Clock
from robot.runtime.robot import Device, Mind

RECONNECT_EVERY_TICKS = 10


class ControlLoop:
    """One robot's devices, its mind, and the record of what happened in the newest tick.

    readings: an empty READINGS record of the robot.
    """

    def __init__(
        self, clock: Clock, devices: dict[str, Device], mind: Mind, readings: np.ndarray, life: int, tick_s: float
    ) -> None:
        self.clock = clock
        self.devices = devices
        self.mind = mind
        self.readings = readings
        self.readings["life"] = life
        self.outputs = mind.outputs
        self.tick_s = tick_s
        self.tick = self.missed_ticks = 0
        self.start_s = 0.0
        self.up = dict.fromkeys(devices, True)

    def start(self) -> None:
        """Let the first tick be due a period from now. The devices are open."""
        self.start_s = self.clock.now() + self.tick_s

    def wait(self) -> None:
        """Sleep until the next tick's time, skipping those that have already passed."""
        self.tick += 1
        late = self.clock.now() - self.due_s
        if late > self.tick_s:
            skipped = int(late / self.tick_s)
            self.tick += skipped
            self.missed_ticks += skipped
        self.clock.sleep_until(self.due_s)

    @property
    def due_s(self) -> float:
        """When the present tick was to begin."""
        return self.start_s + self.tick * self.tick_s

    def run_tick(self, stop_requested: int, learner_up: bool, weights_version: int, weights_age_s: float,
                 operator: ArrayLike) -> None:  # fmt: skip
        """Read, think, write once. Afterwards `readings` and `outputs` hold the tick's records."""
        self.read(stop_requested, learner_up, weights_version, weights_age_s, operator)
        self.mind.tick(self.readings)
        self.write()

    def read(self, stop_requested: int, learner_up: bool, weights_version: int, weights_age_s: float,
             operator: ArrayLike) -> None:  # fmt: skip
        """Fill `readings` with what the devices have and what else the mind may know."""
        now = self.clock.now()
        r = self.readings
        for turn, (name, device) in enumerate(self.devices.items()):
            self.up[name] = self._read(name, device, turn * RECONNECT_EVERY_TICKS // len(self.devices))
            r[name]["up"] = self.up[name]
        r["tick"], r["time_s"], r["lateness_s"] = self.tick, now, max(0.0, now - self.due_s)
        r["missed_ticks"] = self.missed_ticks
        r["stop_requested"], r["learner_up"] = stop_requested, learner_up
        r["weights_version"], r["weights_age_s"] = weights_version, weights_age_s
        r["operator"] = operator

    def _read(self, name: str, device: Device, turn: int) -> bool:
        """Fill in a device's part; whether its link is there. Those that lost it try again in turns."""
        record = self.readings[name]
        device.absent(record)
        try:
            up = self.up[name] or (self.tick % RECONNECT_EVERY_TICKS == turn and device.reconnect())
            if up:
                device.read(record)
        except LinkLost:
            return False
        return up

    def write(self) -> None:
        """Let the devices carry out what the mind decided."""
        for name, device in self.devices.items():
            try:
                device.write(self.outputs)
            except LinkLost:
                self.up[name] = False

    def stop(self) -> None:
        """Bring the robot to rest. Never raises."""
        for device in self.devices.values():
            device.stop()
