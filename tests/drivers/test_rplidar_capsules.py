"""Capsules: captured from an A series lidar, written by hand, packed by the emulator, and damaged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.emulators import rplidar_capsules as emulated
from drivers.rplidar_capsules import SAMPLES, SIZES, parse_capsules, scaled
from drivers.rplidar_protocol import (
    DENSE,
    EXPRESS,
    ULTRA,
    ULTRA_DENSE,
    express_scan,
    find_answer,
    get_conf,
    motor_speed,
)

# Two capsules of an express scan, as a lidar of the A series sent them (test data of pyrplidar 0.1.2)
CAPTURED = bytes.fromhex(
    "AC5012517E097209DE66095A09CE66096E09CD62096209EC5E095A09DD4E095A09DC62095609CD56094E09DC3E093A09DD3A093A09CD36093609CC"
    "36093609DE36093A09DC3A094209CD4E094A09EC56096A09DD"
    "AE5ADB546A097209EE76096A09DD66096209CE5A095A09CD5E096E09EC7A097E09EE82098A09DD8E099A09DEA209AE09EEB209AE09EEB209B609EE"
    "BA09BE09FEC609CA09FED209D209EFD609DE09DFEA09F609EE"
)
QUARTER_MM = (0x97C, 0x970, 0x964, 0x958, 0x964, 0x96C)  # of its first samples, and their angles in 90/16384 degree
ANGLES_Q14 = (0xE282, 0xE2EE, 0xE32D, 0xE3B0, 0xE3F1, 0xE45D)


def parse(stream: bytes, kind: int, usual_deg: float = 0.0):
    size = SIZES[kind]
    angles = np.empty(len(stream) // size * SAMPLES[kind], np.float32)
    distances = np.empty_like(angles)
    points, consumed, revolutions, skipped, _ = parse_capsules(
        np.frombuffer(stream, np.uint8), kind, size, SAMPLES[kind], usual_deg, angles, distances
    )
    return np.degrees(angles[:points]), distances[:points], consumed, revolutions, skipped


def test_a_captured_express_capsule():
    angles, distances, consumed, revolutions, skipped = parse(CAPTURED, EXPRESS)
    assert (len(angles), consumed, revolutions, skipped) == (32, 84, 0, 0)
    assert distances[:6] == pytest.approx(np.array(QUARTER_MM) / 4000.0)
    assert angles[:6] == pytest.approx(np.array(ANGLES_Q14) * 90.0 / 16384.0, abs=0.03)


@pytest.mark.parametrize(
    ("value", "millimetres", "scale"), [(0x1E0, 0x1E0, 0), (0x20B, 0x216, 1), (0x219, 0x232, 1), (0x504, 0x810, 2),
                                        (0x507, 0x81C, 2), (0x51E, 0x878, 2), (1792, 4096, 3), (3328, 16384, 4)]
)  # fmt: skip
def test_the_scale_of_the_document(value, millimetres, scale):
    assert scaled(value) == (millimetres, scale)


def test_a_dense_capsule_written_by_hand():
    body = (90 * 64).to_bytes(2, "little") + 40 * (1234).to_bytes(2, "little")
    after = (100 * 64).to_bytes(2, "little") + 40 * (0).to_bytes(2, "little")
    angles, distances, consumed, _, _ = parse(emulated.closed(body) + emulated.closed(after), DENSE)
    assert distances == pytest.approx(np.full(40, 1.234))
    assert angles == pytest.approx(90.0 + 0.25 * np.arange(40))
    assert consumed == 84


def test_an_ultra_dense_sample_of_each_scale():
    # scale 0: 2 mm a step; 1: 3 mm from 2046 on; 2: 4 mm from 8187 on; 3: 5 mm from 24567 on
    words = [0 | 500 << 2, 1 | 100 << 2, 2 | 100 << 2, 3 | 100 << 2]
    cabins = b"".join(
        one.to_bytes(2, "little") + two.to_bytes(2, "little") + b"\0"
        for one, two in zip(words[::2], words[1::2], strict=True)
    )
    body = bytes(6) + (0).to_bytes(2, "little") + cabins + 30 * bytes(5)
    after = bytes(6) + (6 * 64).to_bytes(2, "little") + 32 * bytes(5)
    _, distances, _, _, _ = parse(emulated.closed(body) + emulated.closed(after), ULTRA_DENSE)
    assert distances[:5] == pytest.approx([1.0, 2.346, 8.587, 25.067, 0.0])


def test_the_requests_of_the_document():
    assert express_scan(0) == bytes.fromhex("a5 82 05 00 00 00 00 00 22")
    assert get_conf(0x70) == bytes.fromhex("a5 84 04 70 00 00 00 55")
    assert motor_speed(600) == bytes.fromhex("a5 a8 02 58 02 55")


def test_an_answer_is_found_behind_garbage_and_in_pieces():
    stream = b"\xa5\xa5\x5a\x00noise\xa5\x5a\x03\x00\x00\x00\x06\x00\x00\x00rest"
    assert find_answer(stream, 0x06) == (b"\0\0\0", len(stream) - 4)
    assert find_answer(stream[:-5], 0x06) is None
    assert find_answer(stream, 0x04) is None
    assert find_answer(bytes.fromhex("a5 5a 54 00 00 40 82 a0"), 0x82) == (b"", 7)


def packed(
    kind: int, count: int, mm: np.ndarray, span_deg: float = 5.0, begin_deg: float = 0.0
) -> tuple[bytes, np.ndarray]:
    """Capsules of so many samples' distances, and the motor's angle at each sample, degrees."""
    samples = SAMPLES[kind]
    turns = (begin_deg + np.arange(samples * (count + 1)) * span_deg / samples) / 360.0
    stream = b""
    for k in range(count):
        here = slice(k * samples, (k + 1) * samples)
        if kind == EXPRESS:
            stream += emulated.express(turns[here], np.zeros(samples), mm[here], False)
        elif kind == ULTRA:
            stream += emulated.ultra(turns[here], mm[here], mm[(k + 1) * samples % len(mm)], False)
        elif kind == DENSE:
            stream += emulated.dense(turns[here], mm[here], False)
        else:
            stream += emulated.ultra_dense(turns[here], mm[here], False, 0)
    return stream, 360.0 * turns


KINDS = st.sampled_from([EXPRESS, ULTRA, DENSE, ULTRA_DENSE])


@given(KINDS, st.integers(0, 2**32 - 1), st.floats(2.0, 40.0))
@settings(max_examples=40)
def test_what_is_packed_is_read(kind, seed, span_deg):
    rng = np.random.default_rng(seed)
    mm = np.floor(np.abs(np.cumsum(rng.normal(0.0, 20.0, SAMPLES[kind] * 4))) + 100.0)
    mm[rng.random(len(mm)) < 0.1] = 0.0
    stream, degrees = packed(kind, 4, mm, span_deg, begin_deg=340.0)
    angles, distances, consumed, _, skipped = parse(stream, kind)
    n = 3 * SAMPLES[kind]
    assert (len(angles), consumed, skipped) == (n, 3 * SIZES[kind], 0)
    far = 0.016 if kind == ULTRA else 0.006  # steps of the scales
    both = (distances > 0) & (mm[:n] > 0)
    assert np.all(np.abs(distances - 0.001 * mm[:n])[both] <= far)
    assert both.sum() >= 0.8 * (mm[:n] > 0).sum()
    if kind != ULTRA:  # whose laser looks ahead
        off = (angles - degrees[:n] + 180.0) % 360.0 - 180.0
        assert np.abs(off).max() < 0.05


@given(KINDS, st.integers(0, 2**32 - 1), st.integers(1, 200))
@settings(max_examples=40)
def test_lost_bytes_cost_the_capsules_around_them_and_make_up_none(kind, seed, lost):
    rng = np.random.default_rng(seed)
    mm = np.full(SAMPLES[kind] * 12, 1000.0)
    stream, _ = packed(kind, 12, mm)
    at = int(rng.integers(0, len(stream) - lost))
    angles, distances, _, _, skipped = parse(stream[:at] + stream[at + lost :], kind)
    assert skipped > 0 or at + lost > 10 * SIZES[kind]
    assert distances == pytest.approx(np.full(len(distances), 1.0), abs=0.005)
    assert len(angles) >= (11 - 3 - lost // SIZES[kind]) * SAMPLES[kind]


@given(KINDS, st.integers(0, 2**32 - 1), st.integers(1, 255))
@settings(max_examples=40)
def test_a_damaged_byte_is_found(kind, seed, change):
    stream, _ = packed(kind, 6, np.full(SAMPLES[kind] * 6, 1000.0))
    damaged = bytearray(stream)
    at = int(np.random.default_rng(seed).integers(0, len(stream)))
    damaged[at] ^= change
    _, distances, _, _, _ = parse(bytes(damaged), kind)
    assert distances == pytest.approx(np.full(len(distances), 1.0), abs=0.005)


@given(KINDS, st.binary(max_size=600))
def test_no_bytes_break_the_parser(kind, data):
    parse(data, kind)


def test_a_capsule_that_vanished_whole_does_not_turn_the_others():
    """Where the kernel threw one away, the next one follows without a gap: its angle tells."""
    stream, _ = packed(DENSE, 8, np.full(SAMPLES[DENSE] * 8, 1000.0))
    size = SIZES[DENSE]
    angles, _, _, _, skipped = parse(stream[: 3 * size] + stream[4 * size :], DENSE)
    assert skipped == size
    assert np.diff(angles).max() == pytest.approx(10.125, abs=0.01)
    assert len(angles) == 5 * SAMPLES[DENSE]


def test_a_scan_that_begins_anew_ends_the_one_before():
    turns = np.arange(40) / 3600.0
    one = emulated.dense(turns, np.full(40, 500.0), True)
    assert len(parse(one + one, DENSE)[0]) == 0
