"""The guardians: when control dies or falls silent, the motor controller hears the stop that control had verified."""

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

import numpy as np
import pytest

from drivers.vesc_protocol import GET_VALUES, SET_CURRENT, SET_CURRENT_BRAKE, SET_SERVO_POS, FrameParser, frame
from robot.robots.arm.way_home import WAY_HOME_S
from robot.robots.car.shield.stop_plan import PLAN_TICKS, StopPlan
from robot.runtime.robot import find_robot
from robot.runtime.session_file import GUARDIANS, SessionFile
from robot.safety.guardian import Control, Guardian
from robot.shared_memory.blocks import CONTROL_STATUS, GUARDIAN_STATUS, SESSION_STATUS, SharedRecord
from robot.shared_memory.shared_block import SHARED_FOLDER

PATIENCE_S = 20.0
SECOND_NS = 1_000_000_000
ROBOT = """
virtual = false
car = "f1tenth"
[devices.motor]
driver = "vesc"
port = "unused"
baud = {baud}
erpm_per_m_s = 4614.0
servo_gain = -1.0
servo_offset = 0.5
[devices.lidar]
driver = "rplidar"
port = "unused"
"""


class Motor:
    """The other end of the port: takes frames, answers with a speed."""

    def __init__(self) -> None:
        self.end, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.parser = FrameParser()
        self.erpm = 10_000
        self.heard: list[tuple[int, int]] = []

    def listen(self, until: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
        """Take frames until `until()` is true; False if that takes too long."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            if until():
                return True
            if not select.select([self.end], [], [], 0.01)[0]:
                continue
            for payload in self.parser.feed(os.read(self.end, 4096)):
                if payload[0] == GET_VALUES:
                    os.write(self.end, frame(struct.pack(">B22xi", GET_VALUES, self.erpm) + bytes(32)))
                elif payload[0] in (SET_CURRENT, SET_CURRENT_BRAKE):
                    self.heard.append(struct.unpack(">Bi", payload))
                elif payload[0] == SET_SERVO_POS:
                    self.heard.append(struct.unpack(">Bh", payload))
        return until()

    def values(self, kind: int) -> list[int]:
        return [value for heard, value in self.heard if heard == kind]

    def close(self) -> None:
        os.close(self.end)
        os.close(self.slave)


class Scene:
    """A control process that can be killed, the records that it and the session write, and guardians who watch."""

    def __init__(self, folder: Path, baud: int = 115_200) -> None:
        self.motor = Motor()
        self.path = folder / "session.json"
        (folder / "car.toml").write_text(ROBOT.format(baud=baud))
        parts = ("control", "session", "plan", *GUARDIANS)
        names = {part: f"test-guardian-{os.getpid()}-{part}" for part in parts}
        self.file = SessionFile(
            str(folder), str(folder / "car.toml"), "car", "race_track", names, (1,), 1, False, "",
            {"motor": self.motor.port, "lidar": ""}, False,
        )  # fmt: skip
        self.file.save(self.path)
        self.status = SharedRecord.create(names["control"], CONTROL_STATUS)
        self.session = SharedRecord.create(names["session"], SESSION_STATUS)
        self.plan = StopPlan.create(names["plan"])
        self.records = [SharedRecord.create(names[name], GUARDIAN_STATUS) for name in GUARDIANS]
        self.control = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        self.parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        self.session.write(pid=self.parent.pid)
        self.guardians: list[subprocess.Popen[bytes]] = []

    def start(self, ranks: int = 1) -> None:
        for rank in range(ranks):
            command = [sys.executable, "-m", "robot.safety.guardian", str(self.path), str(rank)]
            self.guardians.append(subprocess.Popen(command, start_new_session=True))
        begin = time.monotonic()
        while any(self.records[rank].peek("heartbeat_ns") == 0 for rank in range(ranks)):
            assert time.monotonic() - begin < PATIENCE_S
            time.sleep(0.01)

    def drive(self, seconds_ahead: float = 60.0) -> None:
        """Control is in charge, and its heartbeat lasts for so long."""
        self.status.write(
            pid=self.control.pid, heartbeat_ns=time.monotonic_ns() + round(seconds_ahead * SECOND_NS), finished=0
        )
        time.sleep(0.1)  # the guardians look every 10 ms

    def kill_control(self) -> None:
        self.control.kill()
        self.control.wait()

    def close(self) -> None:
        for process in (self.control, self.parent, *self.guardians):
            process.kill()
            process.wait()
        for record in (self.status, self.session, self.plan, *self.records):
            record.close()
        self.motor.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def plan_of(servo_rad: float, brake_a: float) -> np.ndarray:
    return np.tile((servo_rad, brake_a, 0.0, 0.0), (PLAN_TICKS, 1))


def test_a_dead_control_process_is_followed_by_the_verified_stop_until_the_car_stands(scene: Scene) -> None:
    scene.start()
    plan = plan_of(0.1, 20.0)
    plan[25:, :2] = 0.2, 30.0
    scene.drive()
    scene.plan.write(plan, time.monotonic_ns())
    scene.kill_control()
    motor = scene.motor
    assert motor.listen(lambda: 30_000 in motor.values(SET_CURRENT_BRAKE))
    assert motor.values(SET_CURRENT_BRAKE)[0] == 20_000
    assert sorted(set(motor.values(SET_SERVO_POS)), reverse=True) == [400, 300]  # gain -1, centre 0.5
    motor.erpm = 0
    assert motor.listen(lambda: motor.heard[-2][0] == SET_CURRENT)  # released, wheels as they were
    time.sleep(0.1)
    assert scene.records[0].peek("stopped_pid") == scene.control.pid
    motor.heard.clear()
    motor.listen(lambda: False, 0.2)
    assert motor.heard == []


@pytest.mark.parametrize("damage", ["torn", "nan", "none"])
def test_without_a_plan_that_can_be_trusted_it_brakes_fully_and_leaves_the_wheels(scene: Scene, damage: str) -> None:
    if damage == "nan":
        scene.plan.write(plan_of(float("nan"), 20.0), time.monotonic_ns())
    if damage == "torn":
        scene.plan.write(plan_of(0.1, 20.0), time.monotonic_ns())
        scene.plan._block.bytes[100] ^= 0xFF
    scene.start()
    scene.drive()
    scene.kill_control()
    assert scene.motor.listen(lambda: len(scene.motor.heard) >= 5)
    assert set(scene.motor.heard) == {(SET_CURRENT_BRAKE, 40_000)}


def test_a_silent_control_process_is_stopped_for_until_it_speaks_again(scene: Scene) -> None:
    scene.start()
    scene.drive(0.0)
    assert scene.motor.listen(lambda: len(scene.motor.values(SET_CURRENT_BRAKE)) >= 3)
    scene.drive(60.0)
    scene.motor.listen(lambda: False, 0.2)
    scene.motor.heard.clear()
    scene.motor.listen(lambda: False, 0.2)
    assert scene.motor.heard == []


def test_before_a_control_process_is_in_charge_nothing_is_sent(scene: Scene) -> None:
    scene.start()
    scene.kill_control()
    scene.motor.listen(lambda: False, 0.3)
    assert scene.motor.heard == []


def test_after_a_good_end_nothing_is_sent(scene: Scene) -> None:
    scene.start()
    scene.drive(0.0)
    scene.status.write(finished=1)
    scene.motor.listen(lambda: False, 0.2)
    scene.motor.heard.clear()
    scene.kill_control()
    scene.motor.listen(lambda: False, 0.2)
    assert scene.motor.heard == []


def test_it_lets_go_when_a_successor_is_in_charge(scene: Scene) -> None:
    scene.start()
    scene.drive()
    scene.kill_control()
    assert scene.motor.listen(lambda: len(scene.motor.heard) >= 3)
    scene.status.write(pid=os.getpid(), heartbeat_ns=time.monotonic_ns() + 60 * SECOND_NS)  # the car still rolls
    scene.motor.listen(lambda: False, 0.2)
    scene.motor.heard.clear()
    scene.motor.listen(lambda: False, 0.2)
    assert scene.motor.heard == []


def test_it_is_patient_for_as_long_as_the_robot_says() -> None:
    """A car stands within 5 s; an arm's way home takes longer."""
    assert (find_robot("car").rests_within_s, find_robot("arm").rests_within_s) == (5.0, WAY_HOME_S)
    acts: list[float] = []
    rest = SimpleNamespace(at_rest=False, trouble="", act=lambda: acts.append(0.0) or -0.01, release=lambda: None, close=lambda: None)  # fmt: skip
    guardian = Guardian.__new__(Guardian)
    guardian._me = cast(SharedRecord, SimpleNamespace(write=lambda **fields: told.update(fields)))
    told: dict[str, int] = {}
    guardian.control = cast(Control, SimpleNamespace(
        begin_rest=lambda: rest, dead=lambda: True, pid=7, silent_s=0.0, session=SimpleNamespace(rests_within_s=0.3)))  # fmt: skip
    with patch.object(Guardian, "on_duty", lambda self: "stopped_pid" not in told):
        said = guardian.stop()
    assert said.startswith("the robot did not say that it stands, after 0.3") and len(acts) > 10


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_second_guardian_acts_where_the_first_cannot(scene: Scene, number: int) -> None:
    scene.start(ranks=2)
    scene.plan.write(plan_of(0.1, 20.0), time.monotonic_ns())
    scene.drive()
    os.kill(scene.guardians[0].pid, number)
    began = time.monotonic()
    scene.kill_control()
    assert scene.motor.listen(lambda: (SET_CURRENT_BRAKE, 20_000) in scene.motor.heard)
    assert time.monotonic() - began < 5.0  # 0.06 s where the machine has time
    scene.motor.erpm = 0
    assert scene.motor.listen(lambda: scene.records[1].peek("stopped_pid") == scene.control.pid)


def test_the_line_keeps_the_speed_that_the_robots_file_names(tmp_path: Path) -> None:
    scene = Scene(tmp_path, baud=921_600)
    try:
        scene.start()
        scene.drive()
        scene.kill_control()
        assert scene.motor.listen(lambda: len(scene.motor.heard) >= 1)
        assert termios.tcgetattr(scene.motor.slave)[4:6] == [termios.B921600] * 2
    finally:
        scene.close()


def test_the_last_ones_out_remove_what_a_killed_session_left(scene: Scene, tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.mkdir()
    SessionFile(**{name: getattr(scene.file, name) for name in scene.file.__struct_fields__} | {
        "device_folder": str(device)}).save(scene.path)  # fmt: skip
    scene.start(ranks=2)
    scene.drive()
    scene.status.write(finished=1)
    scene.kill_control()
    scene.parent.kill()
    for guardian in scene.guardians:
        assert guardian.wait(PATIENCE_S) == 0
    assert not device.exists()
    assert not list(SHARED_FOLDER.glob(f"test-guardian-{os.getpid()}-*"))


def test_a_guardian_that_takes_anothers_place_is_never_seen_with_that_ones_heartbeat(scene: Scene) -> None:
    """The session would take it for hung, end it and start another, again and again."""
    scene.records[0].write(pid=1, heartbeat_ns=1)
    command = [sys.executable, "-m", "robot.safety.guardian", str(scene.path), "0"]
    scene.guardians.append(subprocess.Popen(command, start_new_session=True))
    begin = time.monotonic()
    while (seen := scene.records[0].read())["pid"] == 1:
        assert time.monotonic() - begin < PATIENCE_S
    assert seen["pid"] == scene.guardians[0].pid
    assert seen["heartbeat_ns"] > 1


def test_a_guardian_whose_sessions_memory_is_gone_leaves_without_a_traceback(scene: Scene) -> None:
    (SHARED_FOLDER / scene.file.names["control"]).unlink()
    command = [sys.executable, "-m", "robot.safety.guardian", str(scene.path), "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert ended.returncode == 0
    assert ended.stderr.startswith("guardian: /dev/shm/") and len(ended.stderr.splitlines()) == 1


def test_it_guards_on_and_tidies_up_where_somebody_removed_the_runs_folder(scene: Scene) -> None:
    scene.start()
    scene.drive()
    scene.path.unlink()
    scene.kill_control()
    assert scene.motor.listen(lambda: (SET_CURRENT_BRAKE, 40_000) in scene.motor.heard)
    scene.parent.kill()
    scene.parent.wait()
    scene.motor.erpm = 0
    assert scene.motor.listen(lambda: scene.guardians[0].poll() == 0, PATIENCE_S)
    assert not (SHARED_FOLDER / scene.file.names["control"]).exists()
