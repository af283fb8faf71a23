"""What a doctor says of an arm's servos: who is silent, who is two, and what to do."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from drivers.servo_dialect import Identity
from drivers.servo_registers import Found
from robot.commissioning.camera_check import at_pipe, check_of_camera
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.setup_arm import arm_checks
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


def test_a_leader_whose_servo_is_silent_or_whose_port_is_not_there_is_named(monkeypatch):
    heard_now = heard(1, 2, 3, 4, 5, 6)

    class Registers:
        def __init__(self, port, baud, dialect, clock): ...

        find = staticmethod(lambda ids: heard_now)

    @contextmanager
    def there(*told):
        yield Registers(*told)

    leader = load_arm("virtual-arm-leader").leader
    [missing] = arm_checks.checks_of_leader(replace(leader, port="/dev/nothing"))
    assert (missing.ok, missing.name) == (False, "leader's port")
    assert "/dev/nothing: no such port" in missing.remedy
    monkeypatch.setattr(arm_checks, "ServoRegisters", there)
    assert all(check.ok for check in arm_checks.checks_of_leader(leader))
    heard_now = heard(1, 2, 3, 4, 6)
    port, silent = arm_checks.checks_of_leader(leader)
    assert port.ok and not silent.ok and "leader's servo 5: is it powered" in silent.remedy


def test_a_doctor_looks_at_the_leader_where_a_file_has_one(monkeypatch):
    started, looked = {}, []

    class Arm:
        ports = {"follower": "a", "board": "b", "leader": "c"}  # noqa: RUF012
        close = staticmethod(lambda: None)

    monkeypatch.setattr(arm_checks, "start_virtual_arm", lambda *told, **named: started.update(named) or Arm)
    monkeypatch.setattr(arm_checks, "checks_of_servos", lambda settings: [])
    monkeypatch.setattr(arm_checks, "checks_of_board", lambda stage, port: [])
    monkeypatch.setattr(arm_checks, "checks_of_leader", lambda settings: looked.append(settings.port) or [])
    arm_checks.checks("virtual-arm")
    assert not started["leader"] and not looked
    arm_checks.checks("virtual-arm-leader")
    assert started["leader"] and looked == ["c"]


def test_a_camera_of_which_no_picture_comes_is_named_and_one_that_sees_is_well(tmp_path):
    cv2 = pytest.importorskip("cv2")
    settings = replace(load_arm("virtual-camera-arm").camera, late_s=59.0)
    silent = check_of_camera(at_pipe(settings, str(tmp_path / "nothing")))
    assert (silent.ok, silent.name) == (False, "camera") and "nothing" in silent.remedy
    rng = np.random.default_rng(0)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rng.integers(0, 255, (48, 64, 3), np.uint8))
    sees = check_of_camera(replace(settings, source=str(tmp_path)))
    assert sees.ok and sees.found == "pictures of 64 x 48"
