"""The guardian: when control dies or falls silent, the motor controller hears a brake, and then nothing that drives."""

import os
import pty
import select
import struct
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator

import pytest

from drivers.vesc import GET_VALUES, SET_CURRENT, SET_CURRENT_BRAKE, FrameParser, frame
from robot.practice.blocks import CONTROL_STATUS, SharedRecord
from robot.safety import guardian as guarding
from robot.safety.guardian import Guardian, Watch, start_guardian, stop_car

PATIENCE_S = 20.0


class Motor:
    """The other end of the port: takes frames, answers with a speed."""

    def __init__(self) -> None:
        self.end, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._keep = slave
        self.parser = FrameParser()
        self.erpm = 10_000
        self.first: list[int] = []  # answers before that one
        self.heard: list[tuple[int, int]] = []

    def listen(self, until: object, seconds: float = PATIENCE_S) -> bool:
        """Take frames until `until()` is true; False if that takes too long."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            if until():  # type: ignore[operator]
                return True
            if not select.select([self.end], [], [], 0.01)[0]:
                continue
            for payload in self.parser.feed(os.read(self.end, 4096)):
                if payload[0] == GET_VALUES:
                    erpm = self.first.pop(0) if self.first else self.erpm
                    os.write(self.end, frame(struct.pack(">B22xi", GET_VALUES, erpm) + bytes(32)))
                else:
                    self.heard.append(struct.unpack(">Bi", payload))
        return bool(until())  # type: ignore[operator]

    def brakes(self) -> int:
        return sum(kind == SET_CURRENT_BRAKE and value > 0 for kind, value in self.heard)

    def close(self) -> None:
        os.close(self.end)
        os.close(self._keep)


@pytest.fixture
def motor() -> Iterator[Motor]:
    it = Motor()
    yield it
    it.close()


@pytest.fixture
def control() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def status() -> Iterator[SharedRecord]:
    record = SharedRecord.create(f"test-guardian-{os.getpid()}", CONTROL_STATUS)
    yield record
    record.close()


def start(motor: Motor, control: subprocess.Popen[bytes], heartbeat: bool = True) -> Guardian:
    return start_guardian(motor.port, f"test-guardian-{os.getpid()}", control.pid, heartbeat)


def test_a_dead_control_process_is_followed_by_braking_until_the_car_stands(motor, control, status):
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns())
    guardian = start(motor, control)
    control.kill()
    control.wait()
    assert motor.listen(lambda: motor.brakes() >= 5)
    motor.erpm = 0
    assert motor.listen(lambda: motor.heard[-1] == (SET_CURRENT, 0))
    guardian.stop()
    assert {kind for kind, _ in motor.heard} == {SET_CURRENT_BRAKE, SET_CURRENT}


def test_a_silent_control_process_is_braked_for_until_it_speaks_again(motor, control, status):
    guardian = start(motor, control)
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns())
    assert motor.listen(lambda: motor.brakes() >= 3)
    status.write(heartbeat_ns=time.monotonic_ns() + 60_000_000_000)
    motor.listen(lambda: False, 0.2)
    motor.heard.clear()
    motor.listen(lambda: False, 0.2)
    assert motor.heard == []
    guardian.stop()


def test_a_silent_control_process_that_dies_is_braked_for_until_the_car_stands(motor, control, status):
    guardian = start(motor, control)
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns())
    assert motor.listen(lambda: motor.brakes() >= 3)
    control.kill()
    control.wait()
    motor.erpm = 0
    assert motor.listen(lambda: motor.heard[-1] == (SET_CURRENT, 0))
    guardian.stop()


@pytest.mark.parametrize("first", [[], [0, 0, 9000] * 9], ids=["always rolling", "never three times in a row"])
def test_a_car_that_is_never_seen_to_stand_is_let_go_after_a_while(motor, control, status, monkeypatch, first):
    monkeypatch.setattr(guarding, "BRAKING_MAX_S", 0.4)
    motor.first, said = first, []
    watch = Watch(f"test-guardian-{os.getpid()}", control.pid, 100)
    threading.Thread(target=lambda: said.append(stop_car(motor.port, watch)), daemon=True).start()
    assert motor.listen(lambda: said)
    assert "did not say that the car stands" in said[0]
    assert motor.listen(lambda: motor.heard[-1] == (SET_CURRENT, 0))
    assert motor.brakes() >= 3


def test_before_its_first_heartbeat_a_process_is_left_alone(motor, control, status):
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns())  # its predecessor's
    guardian = start(motor, control)
    motor.listen(lambda: False, 0.3)
    assert motor.heard == []
    guardian.stop()


def test_after_a_good_end_nothing_is_sent(motor, control, status):
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns() + 60_000_000_000, finished=1)
    guardian = start(motor, control)
    control.kill()
    control.wait()
    guardian.stop()
    assert guardian.process.returncode == 0
    motor.listen(lambda: False, 0.1)
    assert motor.heard == []


def test_who_has_finished_may_fall_silent(motor, control, status):
    guardian = start(motor, control)
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns(), finished=1)
    motor.listen(lambda: False, 0.3)
    assert motor.heard == []
    guardian.stop()


def test_it_lets_go_when_a_successor_is_in_charge(motor, control, status):
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns() + 60_000_000_000)
    guardian = start(motor, control)
    control.kill()
    control.wait()
    assert motor.listen(lambda: motor.brakes() >= 2)
    status.write(pid=os.getpid())  # the successor; the car still rolls
    guardian.process.wait(PATIENCE_S)
    assert motor.heard[-1][0] == SET_CURRENT_BRAKE
    guardian.stop()


def test_in_lockstep_one_brake_frame_waits_for_the_devices_time(motor, control, status):
    status.write(pid=control.pid, heartbeat_ns=1)
    guardian = start(motor, control, heartbeat=False)
    motor.listen(lambda: False, 0.3)
    assert motor.heard == []  # no heartbeat is expected
    control.kill()
    control.wait()
    guardian.process.wait(PATIENCE_S)
    motor.listen(lambda: False, 0.1)
    assert motor.heard == [(SET_CURRENT_BRAKE, 40_000)]


def test_in_lockstep_a_successor_is_not_braked_for(motor, control, status):
    status.write(pid=os.getpid(), heartbeat_ns=1)
    guardian = start(motor, control, heartbeat=False)
    control.kill()
    control.wait()
    guardian.process.wait(PATIENCE_S)
    motor.listen(lambda: False, 0.1)
    assert motor.heard == []


def test_a_port_that_is_gone_is_said_and_is_no_success(motor, control, status, tmp_path):
    log = tmp_path / "guardian.txt"
    guardian = start_guardian("/dev/no-such-port", f"test-guardian-{os.getpid()}", control.pid, True, log)
    status.write(pid=control.pid, heartbeat_ns=time.monotonic_ns() + 60_000_000_000)
    control.kill()
    control.wait()
    assert guardian.process.wait(PATIENCE_S) == 1
    assert "/dev/no-such-port" in log.read_text()
