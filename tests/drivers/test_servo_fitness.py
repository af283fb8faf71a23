"""Servos that somebody has set up for something else: they are not commanded, and named with what to do about it."""

import numpy as np
import pytest

from drivers.dynamixel import Dynamixel, DynamixelSettings, dynamixel
from drivers.emulators import dynamixel as dynamixel_emulator
from drivers.emulators import feetech as feetech_emulator
from drivers.emulators.servo_chain import ArmShafts
from drivers.feetech import Feetech, FeetechSettings, feetech
from drivers.servo_dialect import Identity
from drivers.servo_fitness import unfit
from tests.drivers.servo_bench import Bench

POSE = np.array([0.1, -0.3, 0.5, 0.4, -0.2, 0.6])
KINDS = {
    "feetech": (feetech_emulator.FeetechEmulator, feetech_emulator, feetech, FeetechSettings, 42, 40),
    "dynamixel": (dynamixel_emulator.DynamixelEmulator, dynamixel_emulator, dynamixel, DynamixelSettings, 116, 64),
}
WRONG = {
    (
        "feetech",
        33,
        b"\1",
    ): "servo 2: found mode 1 (register 33), allowed: 0 (position); it is not commanded; robot setup arm sets it",
    (
        "feetech",
        9,
        (1500).to_bytes(2, "little"),
    ): "servo 2: found position limits 1500 to 4095 (registers 9 to 12), allowed: none within",
    (
        "dynamixel",
        11,
        b"\4",
    ): "servo 2: found mode 4 (register 11), allowed: 3 (position), 5 (position by a limited current)",
    (
        "dynamixel",
        48,
        (2500).to_bytes(4, "little"),
    ): "servo 2: found position limits 0 to 2500 (registers 52 and 48), allowed: none within",
    ("dynamixel", 52, (1500).to_bytes(4, "little")): "servo 2: found position limits 1500 to 4095",
}


def opened(kind, folder, registers=()):
    emulator, module, make, settings, *_ = KINDS[kind]
    servos = [module.Servo(module.factory_table(servo), joint) for joint, servo in enumerate(range(1, 7))]
    for address, data in registers:
        servos[1].table[address : address + len(data)] = data
    bench = Bench(emulator(servos, ArmShafts(POSE, 12.0 if kind == "feetech" else 5.0, 12.0 if kind == "feetech" else 5.0),
                           np.random.default_rng(0)), folder)  # fmt: skip
    driver = make(settings(bench.port), bench)
    driver.open()
    bench.ticks(driver, 30)
    return bench, driver


@pytest.mark.parametrize(("wrong", "words"), WRONG.items(), ids=lambda each: str(each)[:40])
def test_one_that_cannot_follow_its_goals_is_not_commanded_and_named_with_its_remedy(tmp_path, wrong, words):
    kind, address, data = wrong
    bench, driver = opened(kind, tmp_path, [(address, data)])
    goal_at, torque_at = KINDS[kind][-2:]
    servo, other = bench.emulator.servos[1:3]
    before = bytes(servo.table[goal_at : goal_at + 2])
    driver.torque(True)
    bench.ticks(driver, 10, (0.5,) * 6)
    assert words in driver.trouble() and driver.trouble() == driver.unfit
    assert bytes(servo.table[goal_at : goal_at + 2]) == before and not servo.table[torque_at]
    assert other.table[torque_at] == 1
    bench.pty.unplug()


@pytest.mark.parametrize("kind", KINDS)
def test_one_as_it_comes_from_its_maker_is_fit(tmp_path, kind):
    bench, driver = opened(kind, tmp_path)
    assert len(driver.known) == 6 and driver.unfit == ""
    bench.pty.unplug()


def test_limits_beyond_a_joints_range_do_not_matter_and_a_feetech_without_any_has_none():
    told = [Identity(777, "3.9", (9.5, 14.0), limits) for limits in ((800, 3300), (900, 3300), (800, 3200), (0, 0))]
    assert [bool(unfit(Feetech(), each, 850, 3250)) for each in told] == [False, True, True, False]
    limited = Identity(1200, "52", (3.5, 7.0), (0, 0), 3)
    assert "found position limits 0 to 0" in unfit(Dynamixel(), limited, 850, 3250)
