"""Poses of a motion capture system: what is forwarded, what is refused, and what makes the drone land."""

import json
import math
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from drivers.base import LinkLost
from drivers.motion_capture import FROZEN_S, STALE_S, MotionCapture, MotionCaptureSettings
from robot.robots.quadrotor.drone_file import load_drone
from robot.runtime.clock import RealClock, ReplayClock


class Drone:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.poses: list[tuple] = []

    def send_pose(self, position_m, attitude) -> None:
        self.poses.append((position_m, attitude))


def message(time_s: float, x: float = 0.1, body: str = "cf1", **more: object) -> bytes:
    fields = {"body": body, "time_s": time_s, "position_m": [x, -0.2, 0.5], "attitude_xyzw": [0.0, 0.0, 0.6, 0.8]}
    return json.dumps(fields | more).encode()


@pytest.fixture
def capture(tmp_path: Path):
    """One that is handed its messages by the test, with a clock of the test's."""
    source = tmp_path / "poses.jsonl"
    source.touch()
    clock = ReplayClock()
    made = MotionCapture(MotionCaptureSettings("cf1", file=str(source)), clock, Drone())
    made.clock = clock  # type: ignore[attr-defined]
    return made


def trouble(capture: MotionCapture, airborne: bool) -> str:
    capture.airborne = airborne
    return capture.trouble()


def sent(capture: MotionCapture) -> list[tuple]:
    return capture._sender.poses  # type: ignore[attr-defined]


def test_a_pose_is_forwarded_as_it_is(capture):
    capture.take(message(1.0))
    assert sent(capture) == [((0.1, -0.2, 0.5), (0.0, 0.0, 0.6, 0.8))]
    capture.take(message(1.01, attitude_xyzw=None))
    assert sent(capture)[-1] == ((0.1, -0.2, 0.5), None)
    assert trouble(capture, airborne=False) == ""


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"nonsense", b"[]", b"\xff\xfe", message(1.01).replace(b"0.1", b"NaN"), message(1.01, position_m=[1, 2]),
        message(1.01, position_m=["a", 0, 0]), message(1.01, position_m=[1e9, 0, 0]), message(1.01, position_m=None),
        message(1.01, attitude_xyzw=[0, 0, 0, 0]), message(1.01, attitude_xyzw=[1, 1, 1, 1]), message(1.0), message(0.5),
        message(1.01, x=2.0), json.dumps({"body": "cf1"}).encode(), message(1.01, body="cf2"),
    ],
)  # fmt: skip
def test_what_cannot_be_this_drone_s_pose_is_not_forwarded(capture, bad):
    capture.take(message(1.0))
    capture.take(bad)
    assert len(sent(capture)) == 1


def test_refused_is_as_good_as_silent_and_says_why(capture):
    capture.take(message(1.0))
    capture.clock.sleep_until(0.5 * STALE_S)
    assert trouble(capture, airborne=True) == ""
    capture.take(message(1.1, position_m=[None, 0, 0]))
    capture.clock.sleep_until(1.1 * STALE_S)
    told = trouble(capture, airborne=True)
    assert "no pose of 'cf1' for 0.3 s" in told
    assert "refused: " in told


def test_before_the_first_pose_there_is_trouble(capture):
    assert "no pose of 'cf1'" in trouble(capture, airborne=False)


def test_a_frozen_pose_is_trouble_in_the_air_and_may_be_rounding_on_the_ground(capture):
    for k in range(60):
        capture.clock.sleep_until(0.01 * k)
        capture.take(message(1.0 + 0.01 * k))
    assert FROZEN_S < 0.01 * 59
    assert trouble(capture, airborne=False) == ""
    assert "frozen" in trouble(capture, airborne=True)
    capture.take(message(3.0, x=0.1001))
    assert trouble(capture, airborne=True) == ""


def test_after_a_second_of_nothing_the_drone_may_be_anywhere(capture):
    capture.take(message(1.0))
    capture.clock.sleep_until(1.5)
    capture.take(message(2.5, x=3.0))
    assert len(sent(capture)) == 2


def level(yaw_rad: float) -> list[float]:
    return [0.0, 0.0, math.sin(0.5 * yaw_rad), math.cos(0.5 * yaw_rad)]


@pytest.mark.parametrize(
    "swapped", [{"x": 1.3}, {"attitude_xyzw": level(0.5 * math.pi)}, {"attitude_xyzw": level(-3.1)}]
)
def test_markers_that_are_taken_for_others_never_reach_a_flying_drone(capture, swapped):
    trouble(capture, airborne=True)
    for k in range(30):
        capture.clock.sleep_until(0.01 * k)
        capture.take(message(0.01 * k, x=0.1 + 0.001 * (k % 2), attitude_xyzw=level(0.0)))
    assert len(sent(capture)) == 30
    for k in range(30, 330):
        capture.clock.sleep_until(0.01 * k)
        capture.take(message(0.01 * k, **({"attitude_xyzw": level(0.0)} | swapped)))
        assert bool(trouble(capture, airborne=True)) == (0.01 * (k - 29) > STALE_S + 1e-9)
    assert len(sent(capture)) == 30
    assert "refused: " in trouble(capture, airborne=True)


def test_a_fast_flight_with_gaps_is_followed(capture):
    """A figure-eight in 3.5 s, banked, of which every fifth of a second is not seen."""
    trouble(capture, airborne=True)
    for k in range(700):
        time_s = 0.01 * k
        capture.clock.sleep_until(time_s)
        if k % 40 < 20:
            phase, bank = 2.0 * math.pi * time_s / 3.5, 0.8 * math.sin(2.0 * math.pi * time_s / 1.75)
            place = [math.sin(phase), 0.5 * math.sin(2.0 * phase), 0.7]
            capture.take(
                message(time_s, position_m=place, attitude_xyzw=[math.sin(bank / 2), 0.0, 0.0, math.cos(bank / 2)])
            )
            assert trouble(capture, airborne=True) == ""
    assert len(sent(capture)) == 360


def test_what_is_only_repeated_does_not_tell_a_flying_drone_that_it_stands_still(capture):
    capture.take(message(1.0))
    capture.take(message(1.01))
    assert len(sent(capture)) == 2, "on the ground"
    trouble(capture, airborne=True)
    for k in range(15):
        capture.take(message(1.02 + 0.01 * k))
    assert len(sent(capture)) == 2
    capture.take(message(1.2, x=0.25))
    assert len(sent(capture)) == 3, "it went on from where it was seen last"


def wait_for(count: int, drone: Drone) -> None:
    until_s = time.monotonic() + 5.0
    while len(drone.poses) < count and time.monotonic() < until_s:
        time.sleep(0.005)


def test_udp(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    drone = Drone()
    capture = MotionCapture(MotionCaptureSettings("cf1", udp=f"127.0.0.1:{port}"), RealClock(), drone)
    capture.open()
    with (
        closing(capture),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as cameras,
    ):
        for k in range(20):
            cameras.sendto(message(1.0 + 0.01 * k), ("127.0.0.1", port))
        wait_for(20, drone)
        with pytest.raises(ValueError, match=rf"motion_capture: udp: 127\.0\.0\.1:{port}: Address already in use"):
            MotionCapture(MotionCaptureSettings("cf1", udp=f"127.0.0.1:{port}"), RealClock()).open()
    assert len(drone.poses) == 20


def test_it_is_closed_opened_again_and_read_by_who_sends_nowhere(tmp_path):
    path = tmp_path / "poses.jsonl"
    path.touch()
    capture = MotionCapture(MotionCaptureSettings("cf1", file=str(path)), RealClock())
    with pytest.raises(LinkLost, match="not open"):
        capture.read()
    for _ in range(2):
        capture.open()
        assert capture.reconnect()
        capture.take(message(1.0))
        assert capture.read().pose_age_s < 1.0
        capture.close()
    capture.close()
    assert not capture.reconnect()


def test_a_file_that_grows(tmp_path):
    path = tmp_path / "poses.jsonl"
    path.write_bytes(message(0.5) + b"\n")  # of the past
    drone = Drone()
    capture = MotionCapture(MotionCaptureSettings("cf1", file=str(path)), RealClock(), drone)
    capture.open()
    with (
        closing(capture),
        open(path, "ab", buffering=0) as file,
    ):
        for k in range(20):
            line = message(1.0 + 0.01 * k) + b"\n"
            file.write(line[:30])
            file.write(line[30:])
        wait_for(20, drone)
    assert len(drone.poses) == 20


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"motion_capture: file: .*nothing\.jsonl: No such file"):
        MotionCapture(MotionCaptureSettings("cf1", file=str(tmp_path / "nothing.jsonl")), RealClock()).open()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('body = "cf1"', "devices.motion_capture: found neither udp nor file"),
        ('body = "cf1"\nudp = "0.0.0.0:5005"\nfile = "poses"', "found both udp and file"),
        ('body = ""\nudp = "0.0.0.0:5005"', r"devices\.motion_capture: body: found ''"),
        ('body = "cf1"\nudp = "5005"', r"devices\.motion_capture: udp: found '5005', allowed: HOST:PORT"),
        ('body = "cf1"\nudp = "0.0.0.0:70000"', r"devices\.motion_capture: udp"),
        ('udp = "0.0.0.0:5005"', "body"),
        ('body = "cf1"\nudp = "0.0.0.0:5005"\nrate = 3', "rate"),
    ],
)
def test_every_field_of_a_robot_s_file_is_checked(tmp_path, lines, words):
    path = tmp_path / "drone.toml"
    path.write_text(
        'virtual = false\n[devices.crazyflie]\ndriver = "crazyflie"\nuri = "usb://0"\n'
        f'[devices.motion_capture]\ndriver = "motion_capture"\n{lines}\n'
    )
    with pytest.raises(ValueError, match=words) as refused:
        load_drone(str(path))
    assert str(path) in str(refused.value)
