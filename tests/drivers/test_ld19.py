"""LD06 and LD19: the packet of the manual, the emulator, an independent parser."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import LIDAR_POINTS_MAX, LinkLost
from drivers.conformance import Rig, check_driver
from drivers.emulators.ld19 import crc8, packet
from drivers.ld19 import CRC, LD19, PACKET_BYTES, POINTS, WEAK, LD19Settings, parse_packets
from tests.drivers.beam_ends import beam_ends

TICK_S = 0.02
# The example of the manual: 2152 degree/s, 324.27 to 334.70 degrees, 6714 ms
MANUAL = bytes.fromhex(
    "54 2C 68 08 AB 7E E0 00 E4 DC 00 E2 D9 00 E5 D5 00 E3 D3 00 E4 D0 00 E9 CD 00 E4 CA 00 E2 C7 00 E9 C5 00 E5 C2 00 E5 "
    "C0 00 E5 BE 82 3A 1A 50"
)


def parse(stream: bytes):
    room = len(stream) // PACKET_BYTES
    angles, packets = np.empty(room * POINTS, np.float32), np.empty((room, 3))
    distances = np.empty_like(angles)
    found, consumed, skipped = parse_packets(np.frombuffer(stream, np.uint8), CRC, angles, distances, packets)
    return np.degrees(angles[: found * POINTS]), distances[: found * POINTS], packets[:found], consumed, skipped


def test_the_packet_of_the_manual():
    angles, distances, packets, consumed, skipped = parse(MANUAL)
    assert (consumed, skipped) == (47, 0)
    assert packets[0].tolist() == pytest.approx([2152.0, 6714.0, 324.27])
    assert distances[:4] == pytest.approx([0.224, 0.220, 0.217, 0.213])
    assert angles[[0, -1]] == pytest.approx([324.27, 334.70], abs=0.01)
    assert np.diff(angles) == pytest.approx(np.full(11, 10.43 / 11), abs=0.001)


def packets_of(count: int) -> bytes:
    return b"".join(
        packet(3600.0, 10.0 * k, 10.0 * k + 9.0, np.full(12, 1000.0), np.full(12, 200), k) for k in range(count)
    )


@given(st.binary(max_size=100), st.integers(0, 10_000), st.integers(1, 100))
def test_garbage_and_lost_bytes_cost_the_packets_that_they_hit_and_make_up_none(garbage, at, lost):
    stream = packets_of(10)
    at %= len(stream)
    _, distances, packets, _, _ = parse(garbage + stream[:at] + stream[at + lost :])
    assert np.all(distances == np.float32(1.0))
    assert len(packets) >= 10 - 2 - lost // PACKET_BYTES - 1
    assert set(packets[:, 1]) <= set(range(10))


@pytest.mark.parametrize("angles", [(655.35, 300.0), (400.0, 410.0), (10.0, 370.0)])
def test_a_packet_with_the_right_sum_and_angles_that_no_circle_has_is_none(angles):
    data = bytearray(packets_of(1)[:-1])
    for at, angle in zip((4, 42), angles, strict=True):
        data[at : at + 2] = round(100.0 * angle).to_bytes(2, "little")
    assert len(parse(bytes(data) + bytes([crc8(bytes(data))]) + packets_of(1))[2]) == 1


@given(st.integers(0, 469), st.integers(1, 255))
def test_a_damaged_byte_is_found(at, change):
    stream = bytearray(packets_of(10))
    stream[at] ^= change
    assert len(parse(bytes(stream))[2]) == 9


@given(st.lists(st.integers(0, 470), max_size=8))
def test_the_same_packets_are_found_however_the_stream_is_cut(cuts):
    stream, rest, found = packets_of(10), b"", 0
    edges = [0, *sorted(cuts), len(stream)]
    for begin, end in itertools.pairwise(edges):
        rest += stream[begin:end]
        _, _, packets, consumed, skipped = parse(rest)
        rest, found = rest[consumed:], found + len(packets)
        assert skipped == 0
    assert found == 10


@given(st.binary(max_size=500))
def test_no_bytes_break_the_parser(data):
    parse(data)


@pytest.fixture
def ld19(bench):
    def make(noise=1.0, lidar=None, **settings):
        b = bench(lidar_model="ld19", noise=noise, lidar=lidar or {})
        b.lidar = LD19(LD19Settings(port=b.emulator.lidar_pty.name, **settings), b)
        return b

    return make


def scan(b, duration_s):
    readings = []
    for _ in range(round(duration_s / TICK_S)):
        b.wait(TICK_S)
        readings.append(b.lidar.read())
    return readings


def test_it_keeps_every_promise_of_a_driver(ld19):
    b = ld19()
    faults = b.emulator.faults
    check_driver(Rig(
        make=lambda port: LD19(LD19Settings(port=port), b), port=b.emulator.lidar_pty.name, wait=b.wait,
        silence=faults["freeze_lidar"], garbage=lambda data: faults["garbage"]("lidar", data.hex()),
        unplug=lambda: faults["unplug"]("lidar"), plug=lambda: faults["plug"]("lidar"), start_s=0.5, fresh_s=0.01,
    ))  # fmt: skip


@pytest.mark.parametrize(
    "mount",
    [{}, {"mount_yaw_rad": 0.4, "mirrored": True, "mount_x_m": 0.1}, {"mount_yaw_rad": -1.2, "mount_y_m": 0.05}],
)
def test_its_beams_end_on_the_walls_and_ages_are_those_of_the_beams(ld19, mount):
    b = ld19(noise=0.0, lidar={"ghosts": 0.0, **mount}, **mount)
    b.lidar.open()
    scan(b, 1.0)
    b.world.moving[3] = 2.0  # rolling at 2 m/s
    error_m, late_m = beam_ends(b, b.lidar, 40)
    assert error_m < 0.012 and error_m < 0.6 * late_m


def test_ten_turns_a_second_through_the_time_stamp_s_new_beginning(ld19):
    b = ld19(lidar={"clock_ms": 28_500})
    b.lidar.open()
    scan(b, 1.0)
    readings = scan(b, 2.0)
    assert readings[-1].revolution - readings[0].revolution == pytest.approx(20, abs=1)
    assert sum(len(reading.angle_rad) for reading in readings) == pytest.approx(9000, rel=0.02)
    assert max(reading.scan_age_s for reading in readings) < 0.008
    assert b.lidar.skipped_bytes == 0


def test_weak_ghosts_are_no_walls(ld19):
    b = ld19(noise=0.0, lidar={"ghosts": 1.0, "range_m": 3.0})
    b.lidar.open()
    scan(b, 0.5)
    distances = np.concatenate([reading.distance_m for reading in scan(b, 0.5)])
    assert distances.max() < 3.01
    assert np.mean(distances == 0.0) > 0.1


def test_while_it_runs_up_nothing_counts_and_a_motor_that_is_held_is_named(ld19):
    b = ld19(lidar={"spin_up_s": 2.0})
    b.emulator.faults["power_cycle_lidar"]()
    b.lidar.open()
    assert all(len(reading.angle_rad) == 0 for reading in scan(b, 0.3))
    assert len(scan(b, 1.0)[-1].angle_rad) > 0
    b.emulator.faults["lidar_health"](2)
    readings = scan(b, 0.5)
    assert readings[-1].scan_age_s > 0.4
    assert "free to turn" in b.lidar.trouble()
    b.emulator.faults["lidar_health"](0)
    scan(b, 0.5)
    assert b.lidar.trouble() == ""


def test_another_baud_rate_and_silence_are_named(ld19):
    b = ld19(baud=115_200)
    b.lidar.open()
    scan(b, 4.0)
    assert "another lidar, or another baud rate" in b.lidar.trouble()
    b = ld19()
    b.emulator.faults["freeze_lidar"](True)
    b.lidar.open()
    assert b.lidar.trouble() == ""
    scan(b, 4.0)
    assert "nothing comes" in b.lidar.trouble()


def test_what_an_adapter_kept_for_a_while_is_not_dated_as_fresh(ld19):
    b = ld19()
    b.lidar.open()
    scan(b, 1.0)
    write, held = b.emulator.lidar_pty.write, []
    b.emulator.lidar_pty.write = held.append
    scan(b, 0.1)
    kept = b"".join(held)
    b.emulator.lidar_pty.write = write
    write(kept[: -20 * PACKET_BYTES])  # of 0.1 s, the last 53 ms are still under way
    reading = b.lidar.read()
    assert len(reading.angle_rad) <= LIDAR_POINTS_MAX
    assert reading.scan_age_s == pytest.approx(0.055, abs=0.006)
    assert reading.age_s[0] == pytest.approx(0.1, abs=0.01)


def test_a_port_that_vanishes_is_lost(ld19):
    b = ld19()
    b.lidar.open()
    scan(b, 0.5)
    b.emulator.faults["unplug"]("lidar")
    with pytest.raises(LinkLost):
        scan(b, 0.2)


def test_an_independent_parser_reads_the_same(ld19):
    """lds2d, written by others."""
    theirs = pytest.importorskip("lds2d.drivers.ldrobot_ld14p")
    crc8 = pytest.importorskip("lds2d.crc").crc8
    assert crc8(MANUAL[:-1]) == MANUAL[-1]
    b = ld19()
    b.lidar.open()
    sent = []
    b.emulator.lidar_pty.write = sent.append
    b.wait(0.1)
    data = b"".join(sent)
    angles, distances, packets, _, _ = parse(data)
    assert len(packets) > 30
    for k in range(len(packets)):
        one = data[k * PACKET_BYTES : (k + 1) * PACKET_BYTES]
        assert crc8(one[:-1]) == one[-1]
        hz, points = theirs.parse_packet(one)
        assert hz * 360.0 == packets[k, 0]
        here = slice(k * POINTS, (k + 1) * POINTS)
        assert [point.angle_deg for point in points] == pytest.approx(angles[here] % 360.0, abs=0.01)
        ours = [point.dist_mm if point.quality > WEAK else 0 for point in points]
        assert ours == pytest.approx(1000.0 * distances[here], abs=1e-3)
