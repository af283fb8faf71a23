"""Practice with a real arm whose servos somebody has set up for something else."""

from types import SimpleNamespace

import pytest

from drivers.base import LinkLost
from drivers.emulators.feetech import TORQUE
from robot.robots.arm import practice
from tests.drivers.test_servo_fitness import opened
from tests.robot.robots.arm.arm_bench import bench, setup


def test_practice_with_a_real_arm_refuses_it_before_anything_is_commanded(tmp_path, monkeypatch):
    bench, driver = opened("feetech", tmp_path, [(33, b"\1")])
    real = SimpleNamespace(now=bench.now, sleep_until=lambda at_s: bench.wait(at_s - bench.time_s))
    monkeypatch.setattr(practice, "RealClock", lambda: real)
    driver.close()
    driver.open()
    with pytest.raises(LinkLost, match=r"servo 2: found mode 1 \(register 33\).*robot setup arm sets it"):
        practice.refuse_unfit(driver)
    bench.pty.unplug()


def test_one_that_turns_out_to_be_so_later_keeps_the_others_from_moving(tmp_path):
    with bench(tmp_path, setup("reach")) as arm:
        late, *others = arm.model.chain.servos
        late.table[33] = 1
        arm.run(1.0)
        assert not any(servo.table[TORQUE] for servo in others) and not arm.mind.posture.known
        late.table[33] = 0
        arm.run(1.0)
        assert all(servo.table[TORQUE] for servo in others)
