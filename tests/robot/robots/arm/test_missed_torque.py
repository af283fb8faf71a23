"""A servo that missed the switch of its torque hangs, and nobody answers a switch: it is told again."""

from pathlib import Path

import pytest

from robot.robots.arm.devices import HOLD_EVERY
from tests.robot.robots.arm.arm_bench import bench


def test_an_arm_whose_first_switch_was_lost_on_the_wire_gets_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path) as arm:
        bus, switch = arm.follower.bus, arm.follower.bus.torque

        def lose(on: bool) -> None:
            switch(on)
            monkeypatch.setattr(bus, "_switch", b"")
            monkeypatch.setattr(bus, "torque", switch)

        monkeypatch.setattr(bus, "torque", lose)
        rests = [mind.posture.near(mind.rest_at, 0.3) for mind in arm.ticks(8.0)]
        assert rests[HOLD_EVERY] and not rests[-1]


def test_a_servo_that_has_let_go_by_itself_is_left_as_it_is(tmp_path: Path) -> None:
    with bench(tmp_path) as arm:
        for _ in arm.ticks(1.0):
            pass
        bus = arm.follower.bus
        servo, *others = bus._states
        bus._states[servo] = bus._states[servo]._replace(status=32)
        bus.torque_again()
        assert bus._switch == bus.dialect.sync_write(bus.dialect.torque_at, dict.fromkeys(others, bytes([1])))
