"""What a set-up asks servos, and writes for good: over both buses, on chains as they are when something is wrong with them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.base import LinkLost
from drivers.dynamixel import Dynamixel
from drivers.emulators import dynamixel as robotis
from drivers.emulators import feetech as feetech_chain
from drivers.emulators.half_duplex import collided
from drivers.emulators.servo_chain import ArmShafts
from drivers.feetech import Feetech, packet
from drivers.servo_registers import ServoRegisters
from tests.drivers.servo_bench import Bench

POSE = np.array([0.1, -0.3, 0.5, 0.4, -0.2, 0.6])
BUSES = {
    "feetech": (feetech_chain, feetech_chain.FeetechEmulator, Feetech(), 12.0),
    "dynamixel": (robotis, robotis.DynamixelEmulator, Dynamixel(), 5.0),
}


class Waited(Bench):
    """A bench whose time goes on while somebody sleeps."""

    def sleep_until(self, time_s: float) -> None:
        self.wait(time_s - self.time_s)


@pytest.fixture(params=sorted(BUSES))
def chain(request, tmp_path: Path) -> Iterator[Callable[..., tuple[Waited, ServoRegisters]]]:
    made: list[Any] = []
    module, emulator, dialect, volts = BUSES[request.param]

    def make(*ids: int) -> tuple[Waited, ServoRegisters]:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        servos = [module.Servo(module.factory_table(servo), joint) for joint, servo in enumerate(ids)]
        bench = Waited(
            emulator(servos, ArmShafts(POSE, volts, nominal_v=volts), np.random.default_rng(0), echo=True), folder
        )
        registers = ServoRegisters(bench.port, 1_000_000, dialect, bench)
        registers.__enter__()
        made.append((registers, bench))
        return bench, registers

    yield make
    for registers, bench in made:
        registers.__exit__()
        bench.pty.unplug()


def test_all_that_answer_are_found_wherever_their_ids_are(chain):
    _, registers = chain(1, 2, 3, 77, 5, 200)
    found = registers.find()
    assert sorted(found.identities) == [1, 2, 3, 5, 77, 200]
    assert found.doubled == ()
    assert all(identity.model in registers.dialect.models for identity in found.identities.values())


def test_servos_of_one_id_spoil_what_they_say_and_are_found_out(chain):
    _, registers = chain(1, 2, 3, 4, 4, 6)
    found = registers.find()
    assert (sorted(found.identities), found.doubled) == ([1, 2, 3, 6], (4,))
    _, all_new = chain(1, 1, 1, 1, 1, 1)
    assert all_new.find(range(8)).doubled == (1,)


def test_a_new_id_outlasts_the_power(chain):
    bench, registers = chain(1, 2, 3, 77, 5, 6)
    registers.rename(77, 4)
    for servo in bench.emulator.servos:
        servo.power_on()
    assert sorted(registers.find(range(100)).identities) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("steps", [700, -700])
def test_a_shift_is_added_to_what_is_measured_and_outlasts_the_power(chain, steps):
    bench, registers = chain(1, 2, 3, 4, 5, 6)
    before = registers.steps(1)  # the base: nothing else stands still without torque
    registers.set_shift(1, steps)
    for servo in bench.emulator.servos:
        servo.power_on()
    assert registers.shift(1) == steps
    assert abs(registers.steps(1) - before - steps) <= 3


def test_what_a_servo_does_not_keep_is_told(chain, monkeypatch):
    bench, registers = chain(1, 2, 3, 4, 5, 6)
    monkeypatch.setattr(registers.dialect, "keep", lambda servo, address, data: [])
    with pytest.raises(LinkLost, match="servo 3 does not keep"):
        registers.set_shift(3, 100)
    bench.emulator.servos[2].present = False
    assert registers.steps(3) is None
    with pytest.raises(LinkLost, match="servo 3 does not answer when it is unlocked"):
        registers.set_shift(3, 100)


def test_a_servo_that_did_not_hear_that_it_is_unlocked_is_told_again(chain, monkeypatch):
    bench, registers = chain(1, 2, 3, 4, 5, 6)
    lost, write = registers.dialect.unlock(1), registers._port.write

    def damaged(data: bytes) -> None:
        write(bytes(len(data)) if data in lost else data)
        if data in lost:
            lost.remove(data)

    monkeypatch.setattr(registers._port, "write", damaged)
    registers.set_shift(1, 300)
    assert not lost
    for servo in bench.emulator.servos:
        servo.power_on()
    assert registers.shift(1) == 300


def test_what_two_say_apart_is_low_where_either_is():
    one, other = packet(4, 0, b"\x10\x08"), packet(4, 0, b"\x33\x0c")
    assert collided([one], [0]) == one
    assert collided([one, one], [0, 0]) == one
    assert collided([one, one], [0, 3]) != one
    together = bytes(a & b for a, b in zip(one, other, strict=True))
    assert collided([one, other], [0, 0]) == together
