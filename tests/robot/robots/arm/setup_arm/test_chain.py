"""How servos come to have IDs of their own: what is asked of a person, what is renamed at once, and what is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.emulators.feetech import FeetechEmulator, Servo, factory_table
from drivers.emulators.servo_chain import ArmShafts
from drivers.feetech import Feetech
from drivers.servo_dialect import Identity
from drivers.servo_registers import Found, ServoRegisters
from robot.commissioning.steps import SetupError
from robot.robots.arm.setup_arm import chain
from tests.drivers.servo_bench import Bench

WANTED = (1, 2, 3, 4, 5, 6)
REST = np.array([0.0, -1.68, 1.63, 1.5, 0.0, 0.0])


class Waited(Bench):
    def sleep_until(self, time_s: float) -> None:
        self.wait(time_s - self.time_s)


@contextmanager
def servos(folder: Path, *ids: int, supply_v: float = 12.0) -> Iterator[tuple[Any, ServoRegisters]]:
    made = [Servo(factory_table(servo), joint) for joint, servo in enumerate(ids)]
    bench = Waited(FeetechEmulator(made, ArmShafts(REST, supply_v), np.random.default_rng(1)), folder)
    try:
        with ServoRegisters(bench.port, 1_000_000, Feetech(), bench) as registers:
            yield bench.emulator, registers
    finally:
        bench.pty.unplug()


def heard(*ids: int, doubled: tuple[int, ...] = ()) -> Found:
    return Found(dict.fromkeys(ids, Identity(777, "3.9", (9.5, 14.0))), doubled)


@pytest.mark.parametrize(
    ("found", "alone", "renamed"),
    [
        (heard(1, 2, 3, 4, 5, 6), [], {}),
        (heard(1, 2, 3, 77, 5, 6), [], {77: 4}),
        (heard(9, 2, 3, 8, 5, 6), [], {8: 1, 9: 4}),
        (heard(1, 3, 4, 6, doubled=(2,)), [4], {}),
        (heard(doubled=(1,)), [1, 2, 3, 4, 5], {}),
    ],
)
def test_who_has_to_be_alone_and_who_is_renamed_at_once(found, alone, renamed):
    assert chain.joints_to_ask_for(found, WANTED) == alone
    if not alone:
        assert chain.new_ids(found, WANTED) == renamed


def test_silent_servos_and_strangers_too_many_are_named():
    with pytest.raises(
        SetupError, match=r"no answer of servo 4 \(wrist_flex, unless IDs are swapped\), of any other ID: is it powered"
    ):
        chain.joints_to_ask_for(heard(1, 2, 3, 5, 6), WANTED)
    with pytest.raises(SetupError, match="found servos 1, 2, 3, 4, 5, 6, 7, allowed: 6 of them; is another arm"):
        chain.joints_to_ask_for(heard(1, 2, 3, 4, 5, 6, 7), WANTED)


def test_a_stranger_is_given_the_id_that_nobody_has(tmp_path):
    with servos(tmp_path, 1, 2, 3, 99, 5, 6) as (emulator, registers):
        assert chain.look(registers, WANTED)["renamed"] == {"99": 4}
        assert [servo.id for servo in emulator.servos] == [1, 2, 3, 4, 5, 6]
        chain.all_there(registers, WANTED)


def test_of_two_with_one_id_the_one_that_is_alone_is_renamed(tmp_path):
    with servos(tmp_path, 1, 2, 2, 4, 5, 6) as (emulator, registers):
        assert chain.look(registers, WANTED)["alone"] == [2]
        with pytest.raises(SetupError, match="elbow_flex: found several on the bus, allowed: its servo alone"):
            chain.name_the_one(registers, 2, WANTED)
        with pytest.raises(SetupError, match="and two with ID 2, allowed: 1, 2, 3, 4, 5, 6"):
            chain.all_there(registers, WANTED)
        for joint, servo in enumerate(emulator.servos):
            servo.present = joint == 2
        assert chain.name_the_one(registers, 2, WANTED) == 2
        assert [servo.id for servo in emulator.servos] == [1, 2, 3, 4, 5, 6]


def test_limits_and_modes_that_somebody_has_left_are_opened_for_good(tmp_path):
    with servos(tmp_path, *WANTED) as (emulator, registers):
        emulator.servos[1].write(9, (1000).to_bytes(2, "little"))  # while locked: until the power goes
        emulator.servos[1].kept[9:11] = (1000).to_bytes(2, "little")
        emulator.servos[4].table[33] = emulator.servos[4].kept[33] = 1
        chain.all_there(registers, WANTED)
        for servo in emulator.servos:
            servo.power_on()
        assert [servo.word(9) for servo in emulator.servos] == [0] * 6
        assert [servo.word(11) for servo in emulator.servos] == [4095] * 6
        assert not any(servo.table[33] for servo in emulator.servos)


def test_one_that_does_not_tell_its_supply_is_not_set_up(tmp_path, monkeypatch):
    with (
        servos(tmp_path, *WANTED) as (_, registers),
        pytest.raises(SetupError, match="no answer of servo 1: is it powered"),
    ):
        monkeypatch.setattr(registers, "volts", lambda servo: None)
        chain.look(registers, WANTED)


def test_the_wrong_supply_and_another_model_are_refused_by_name(tmp_path):
    (tmp_path / "one").mkdir()
    with (
        servos(tmp_path / "one", *WANTED, supply_v=7.4) as (_, registers),
        pytest.raises(SetupError, match=r"servo 1: found 7\.4 V, allowed: 9\.5 to 14\.0; is it the right supply"),
    ):
        chain.look(registers, WANTED)
    (tmp_path / "two").mkdir()
    with servos(tmp_path / "two", *WANTED) as (emulator, registers):
        emulator.servos[4].table[3:5] = (1029).to_bytes(2, "little")
        with pytest.raises(SetupError, match=r"servo 5: found model 1029, allowed: 777 \(STS3215\)"):
            chain.look(registers, WANTED)
