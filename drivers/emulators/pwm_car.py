"""A car that is driven by pulses: a PCA9685 on an I2C bus, a servo and an ESC behind it, nothing that measures."""

from typing import Any

import numpy as np

from drivers.emulators.esc import Esc, EscWiring
from drivers.emulators.pca9685 import NOMINAL_HZ, Pca9685Emulator
from drivers.emulators.world import World


class PwmCarEmulator:
    """The chip and what hangs on it. Hand it transfers, as they come, and move it with `run`."""

    __slots__ = ("_wiring", "_world", "chip", "esc")  # a fault that this car cannot have is refused

    def __init__(self, world: World, wiring: EscWiring, rng: np.random.Generator) -> None:
        self.chip = Pca9685Emulator(wiring.address, wiring.oscillator_share * NOMINAL_HZ)
        self.esc = Esc(world, wiring)
        self._world, self._wiring = world, wiring

    @property
    def silent(self) -> bool:
        return self.chip.stuck

    @silent.setter
    def silent(self, on: bool) -> None:
        """Something holds the bus; the chip goes on."""
        self.chip.stuck = on

    def transfer(self, address: int, data: bytes, read: int) -> bytes:
        """One on the bus, now. Raises OSError as Linux does."""
        answer = self.chip.transfer(address, data, read)
        self._pulse(self._world.time_s)
        return answer

    def _pulse(self, at_s: float) -> None:
        chip, wiring = self.chip, self._wiring
        self.esc.pulses(at_s, chip.pulse_us(wiring.servo_channel), chip.pulse_us(wiring.throttle_channel))

    def run(self, until_s: float) -> None:
        """The chip pulses on."""
        self._pulse(until_s)
        self.esc.run(until_s)

    def receive(self, data: bytes, at_s: float) -> None:
        """A bus hands over transfers, not bytes."""

    def arrived(self, until_s: float) -> bytes:
        return b""

    @property
    def uart(self) -> Any:
        raise ValueError("device: this car has no motor controller on a serial line")
