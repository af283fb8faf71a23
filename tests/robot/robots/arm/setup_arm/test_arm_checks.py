"""What a doctor says of an arm's servos: who is silent, who is two, and what to do."""

import pytest

from drivers.servo_dialect import Identity
from drivers.servo_registers import Found
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.setup_arm.arm_checks import checks_of_ids, checks_of_servos

WANTED = (1, 2, 3)


def heard(*ids: int, doubled: tuple[int, ...] = ()) -> Found:
    return Found(dict.fromkeys(ids, Identity(777, "3.9", (9.5, 14.0))), doubled)


@pytest.mark.parametrize(
    ("found", "ok", "words"),
    [
        (heard(1, 2, 3), True, ""),
        (heard(1, 3), False, "no answer of servo 2: is it powered"),
        (heard(1, 3, doubled=(2,)), False, "answers of servo 2 are spoilt, as of two with one ID: robot setup arm"),
    ],
)
def test_ids(found, ok, words):
    [check] = checks_of_ids(found, WANTED)
    assert check.ok is ok
    assert words in check.remedy


def test_a_port_that_is_not_there_is_named():
    [check] = checks_of_servos(load_arm("virtual-arm").follower)
    assert (check.ok, check.name) == (False, "servos' port")
    assert "virtual: no such port" in check.remedy
