"""How the servos of a virtual arm are mounted and what they have been told for good: in a file, which outlives the emulator.

IDs and shifts are what a set-up writes into servos' EEPROMs: the arm that practises afterwards has them too.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from drivers.emulators import dynamixel, feetech
from drivers.emulators.servo_chain import Shafts
from sim.input_files import from_table, read_json

BUSES: dict[str, Any] = {"feetech": feetech, "dynamixel": dynamixel}
NOMINAL_V = {"feetech": 12.0, "dynamixel": 5.0}
SERVOS, ID_MAX, SUPPLY_MAX = 6, 252, 2.0


@dataclass(frozen=True)
class ServoWiring:
    """One servo. home_steps: what it measures at its joint's zero; shift_steps: what it adds to that. present: its cable is in.

    another_model: it is of a kind that does not belong there.
    """

    id: int
    home_steps: int = 2048
    backwards: bool = False
    shift_steps: int = 0
    present: bool = True
    another_model: bool = False


@dataclass(frozen=True)
class ArmWiring:
    """Servos from the base on, their bus, and the share of their voltage that the supply gives."""

    servos: tuple[ServoWiring, ...] = tuple(ServoWiring(servo) for servo in range(1, SERVOS + 1))
    bus: Literal["feetech", "dynamixel"] = "feetech"
    supply: float = 1.0

    def __post_init__(self) -> None:
        if len(self.servos) != SERVOS:
            raise ValueError(f"servos: found {len(self.servos)}, allowed: {SERVOS}")
        for servo in self.servos:
            if not 0 <= servo.id <= ID_MAX:
                raise ValueError(f"id: found {servo.id}, allowed: 0 to {ID_MAX}")
        if not 0.0 < self.supply <= SUPPLY_MAX:
            raise ValueError(f"supply: found {self.supply}, allowed: above 0, up to {SUPPLY_MAX}")

    @property
    def nominal_v(self) -> float:
        return NOMINAL_V[self.bus]

    def chain(self, shafts: Shafts, rng: np.random.Generator) -> Any:
        """The emulator of these servos."""
        kind = BUSES[self.bus]
        made = []
        for joint, wired in enumerate(self.servos):
            servo = kind.Servo(kind.factory_table(wired.id), joint, wired.home_steps, wired.backwards, wired.present)
            if self.bus == "feetech":
                servo.put(feetech.OFFSET, -wired.shift_steps, 11)
            else:
                servo.put(dynamixel.HOMING, wired.shift_steps, 4)
            if wired.another_model:
                servo.table[3 if self.bus == "feetech" else 0] ^= 0x55
            servo.kept[:] = servo.table[: kind.EEPROM_END]
            made.append(servo)
        emulator = feetech.FeetechEmulator if self.bus == "feetech" else dynamixel.DynamixelEmulator
        return emulator(made, shafts, rng)

    def as_kept(self, chain: Any) -> "ArmWiring":
        """With the IDs and shifts that the chain's servos keep now."""
        servos = []
        for wired, servo in zip(self.servos, chain.servos, strict=True):
            shift = -servo.offset() if self.bus == "feetech" else servo.number(dynamixel.HOMING, 4)
            servos.append(replace(wired, id=servo.id, shift_steps=shift))
        return replace(self, servos=tuple(servos))


def read_wiring(path: Path) -> ArmWiring:
    """Raises ValueError with file, field, found and allowed."""
    return from_table(path, ArmWiring, read_json(path))


def write_wiring(path: Path, wiring: ArmWiring) -> None:
    """Beside, and renamed."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(asdict(wiring), indent=1))
    beside.replace(path)
