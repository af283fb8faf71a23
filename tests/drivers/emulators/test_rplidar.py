import numpy as np
import pytest

from drivers.emulators.process import build_world
from drivers.emulators.rplidar import HEALTH_ERROR, RPLidarEmulator, RPLidarWiring
from drivers.emulators.virtual_car import VirtualCarConfig

MOTOR_ON = bytes.fromhex("a5 f0 02 94 02 c1")
SCAN_DESCRIPTOR = bytes.fromhex("a5 5a 05 00 00 40 81")


@pytest.fixture
def lidar():
    return RPLidarEmulator(build_world(VirtualCarConfig()), RPLidarWiring(speed_error=0.0), np.random.default_rng(0))


def until(lidar, time_s: float) -> bytes:
    said = b""
    world = lidar._world
    while world.time_s < time_s - 1e-9:
        world.step()
        lidar.run(world.time_s)
        said += lidar.arrived(world.time_s)
    return said


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [
        ("a5 50", "a5 5a 14 00 00 00 04 31 1d 01 03 000102030405060708090a0b0c0d0e0f"),  # model A3, firmware 1.29
        ("a5 52", "a5 5a 03 00 00 00 06 00 0000"),  # healthy
        ("a5 59", "a5 5a 04 00 00 00 15 fa00 7f00"),  # 250 microseconds a sample, 127 in the express scan
        ("a5 ff 02 00 00 58", "a5 5a 04 00 00 00 ff 01000000"),  # the adapter controls the motor
    ],
)
def test_the_answers_of_the_document(lidar, request_hex, answer_hex):
    lidar.receive(bytes.fromhex(request_hex), 0.0)
    assert until(lidar, 0.02) == bytes.fromhex(answer_hex)


def test_the_scan_answers_at_once_and_its_samples_wait_for_the_motor(lidar):
    lidar.receive(MOTOR_ON + b"\xa5\x20", 0.0)
    assert until(lidar, 0.4) == SCAN_DESCRIPTOR
    assert len(until(lidar, 1.5)) == pytest.approx(4000 * 5, abs=10)


def test_without_the_motor_no_samples_come_until_it_turns(lidar):
    lidar.receive(b"\xa5\x20", 0.0)
    assert until(lidar, 1.0) == SCAN_DESCRIPTOR
    lidar.receive(MOTOR_ON, 1.0)
    assert len(until(lidar, 2.0)) > 5000
    lidar.receive(bytes.fromhex("a5 f0 02 00 00 57"), 2.0)
    until(lidar, 2.1)
    assert until(lidar, 3.0) == b""


def test_nodes_have_their_check_bits_and_begin_a_revolution_every_400_samples(lidar):
    lidar.receive(MOTOR_ON + b"\xa5\x20", 0.0)
    stream = until(lidar, 2.0)[7:]
    nodes = np.frombuffer(stream[: len(stream) // 5 * 5], np.uint8).reshape(-1, 5)
    assert np.all((nodes[:, 0] & 1) != (nodes[:, 0] >> 1 & 1))
    assert np.all(nodes[:, 1] & 1)
    begins = np.flatnonzero(nodes[:, 0] & 1)
    assert begins[0] == 0
    assert np.all(np.abs(np.diff(begins) - 400) <= 1)
    angles = (nodes[:, 1] >> 1 | nodes[:, 2].astype(int) << 7) / 64
    assert np.all(angles < 360)
    assert np.allclose(np.diff(angles) % 360, 0.9, atol=0.02)


def test_any_other_request_ends_the_scan(lidar):
    lidar.receive(MOTOR_ON + b"\xa5\x20", 0.0)
    until(lidar, 1.0)
    lidar.receive(b"\xa5\x25", 1.0)
    until(lidar, 1.01)
    assert until(lidar, 1.5) == b""
    lidar.receive(b"\xa5\x20", 1.5)
    until(lidar, 1.6)
    lidar.receive(b"\xa5\x52", 1.6)
    assert until(lidar, 1.7).endswith(bytes.fromhex("a5 5a 03 00 00 00 06 00 0000"))


def test_a_protection_stop_refuses_to_scan_until_reset(lidar):
    lidar.health = HEALTH_ERROR
    lidar.receive(MOTOR_ON + b"\xa5\x20", 0.0)
    assert until(lidar, 0.5) == b""
    lidar.receive(b"\xa5\x40", 0.5)
    until(lidar, 0.6)
    lidar.receive(b"\xa5\x20", 0.6)
    assert until(lidar, 0.7).startswith(SCAN_DESCRIPTOR)


def test_old_firmware_gives_express_scan_no_answer_and_a_wrong_checksum_gets_none_either():
    lidar = made(firmware_minor=15)
    lidar.receive(bytes.fromhex("a5 82 05 00 00 00 00 00 22"), 0.0)
    lidar.receive(bytes.fromhex("a5 f0 02 94 02 00"), 0.0)
    assert until(lidar, 0.1) == b""
    assert lidar._turn_hz == 0.0


def test_requests_come_through_in_pieces_and_after_garbage(lidar):
    lidar.receive(b"\x00\xffnoise\xa5", 0.0)
    lidar.receive(b"\x52", 0.01)
    assert until(lidar, 0.1) == bytes.fromhex("a5 5a 03 00 00 00 06 00 0000")


def test_a_frozen_lidar_is_silent_and_then_goes_on_where_time_is(lidar):
    lidar.receive(MOTOR_ON + b"\xa5\x20", 0.0)
    until(lidar, 1.0)
    lidar.frozen = True
    until(lidar, 1.01)
    assert until(lidar, 2.0) == b""
    lidar.frozen = False
    assert len(until(lidar, 2.1)) == pytest.approx(0.1 * 4000 * 5, abs=10)


def made(**wiring):
    wiring = {"speed_error": 0.0, **wiring}
    return RPLidarEmulator(build_world(VirtualCarConfig()), RPLidarWiring(**wiring), np.random.default_rng(0))


def test_the_motor_of_an_a1_turns_while_dtr_is_clear_and_hears_no_request():
    lidar = made(motor_by_dtr=True)
    lidar.receive(MOTOR_ON + b"\xa5\x20", 0.0)
    assert until(lidar, 1.0) == SCAN_DESCRIPTOR
    lidar.set_dtr(1.0, False)
    assert len(until(lidar, 2.0)) > 5000
    lidar.set_dtr(2.0, True)
    until(lidar, 2.1)
    assert until(lidar, 3.0) == b""


def test_firmware_before_1_17_does_not_know_its_sample_rate():
    lidar = made(firmware_minor=14)
    lidar.receive(b"\xa5\x59", 0.0)
    assert until(lidar, 0.5) == b""
    lidar.receive(b"\xa5\x50", 0.5)
    assert until(lidar, 0.6)[7:10] == bytes([0x31, 14, 1])


def test_where_it_triangulates_angles_go_back_and_samples_without_a_return_stand_ahead():
    lidar = made(triangulating=True, drop_out=0.2)
    lidar.receive(MOTOR_ON + b"\xa5\x20", 0.0)
    stream = until(lidar, 2.0)[7:]
    nodes = np.frombuffer(stream[: len(stream) // 5 * 5], np.uint8).reshape(-1, 5)
    angles = (nodes[:, 1] >> 1 | nodes[:, 2].astype(int) << 7) / 64
    steps = (np.diff(angles) + 180.0) % 360.0 - 180.0
    assert np.mean(steps < 0.0) > 0.1
    seen = (nodes[:, 3] > 0) | (nodes[:, 4] > 0)
    to_blind = steps[seen[:-1] & ~seen[1:]]
    assert 2.0 < np.median(to_blind) < 10.0
