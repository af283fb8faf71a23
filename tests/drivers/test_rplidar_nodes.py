"""The nodes of a standard scan: the document's bytes, and streams that are cut, damaged, or begin anywhere."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rplidar_nodes import NODE_BYTES, PROOF, parse_nodes

AFTER = PROOF + 2  # samples behind the ones that a test looks at, so that these count


def node(angle_deg: float, distance_mm: float, start: bool = False, quality: int = 15) -> bytes:
    """A node, built from the document's table."""
    first = quality << 2 | (0b01 if start else 0b10)
    angle = round(angle_deg * 64) << 1 | 1
    return bytes([first]) + angle.to_bytes(2, "little") + round(distance_mm * 4).to_bytes(2, "little")


def parse(stream: bytes, mount_yaw_rad: float = 0.0, synchronised: bool = True):
    room = len(stream) // 5 + 1
    angles, distances = np.empty(room, np.float32), np.empty(room, np.float32)
    points, consumed, revolutions, skipped, _ = parse_nodes(
        np.frombuffer(stream, np.uint8), synchronised, mount_yaw_rad, angles, distances
    )
    return angles[:points], distances[:points], consumed, revolutions, skipped


def test_a_node_of_known_bytes():
    # Quality 15, first of its revolution, 90 degrees clockwise, 1000 mm; then the next samples.
    angles, distances, consumed, revolutions, skipped = parse(bytes.fromhex("3d 01 2d a00f" + PROOF * "3e 75 2d 0000"))
    assert angles == pytest.approx([-math.pi / 2])  # to the right of the car
    assert distances == pytest.approx([1.0])
    assert (consumed, revolutions, skipped) == (5, 1, 0)


def test_clockwise_angles_become_counter_clockwise_ones_in_the_frame_of_the_car():
    stream = b"".join(node(angle, 500) for angle in np.arange(0, 360, 0.9)) + PROOF * node(0.0, 500)
    angles, _, _, _, _ = parse(stream, mount_yaw_rad=0.3)
    expected = (0.3 - np.radians(np.arange(0, 360, 0.9)) + math.pi) % (2 * math.pi) - math.pi
    assert np.allclose(np.sin(angles), np.sin(expected), atol=0.001)
    assert np.allclose(np.cos(angles), np.cos(expected), atol=0.001)
    assert angles.min() >= -math.pi - 1e-6
    assert angles.max() < math.pi + 1e-6


def test_revolutions_are_counted_at_their_first_sample():
    stream = b"".join(node(angle % 360, 500, start=angle % 360 == 0) for angle in range(0, 1080, 3))
    assert parse(stream)[3] == 3


nodes = st.lists(st.integers(0, 65535), min_size=30, max_size=120)


@given(nodes, st.integers(0, 10_000), st.integers(1, 30))
def test_lost_bytes_cost_only_the_points_they_belong_to(distances, place, lost):
    """Points after the gap are found again, and none is made up."""
    sent = [(k * 0.9) % 360 for k in range(len(distances))]
    stream = b"".join(node(a, d / 4) for a, d in zip(sent, distances, strict=True))
    after = b"".join(node((k * 0.9) % 360, 100) for k in range(len(sent), len(sent) + AFTER))
    at = place % (len(stream) - lost)
    angles, found, _, _, _ = parse(stream[:at] + stream[at + lost :] + after)
    truth = {round(a * 64): d for a, d in zip(sent, distances, strict=True)}
    truth |= {round(k * 0.9 % 360 * 64): 400 for k in range(len(sent), len(sent) + AFTER)}
    raw = [round(-math.degrees(a) % 360 * 64) % 23040 for a in angles]
    wrong = sum(round(d * 4000) != truth.get(r) for r, d in zip(raw, found, strict=True))
    assert wrong <= 2  # a torn node whose check bits and successor fit by chance, on either side of the gap
    torn = 2  # at either end of the gap
    assert len(angles) >= len(distances) + AFTER - lost // 5 - torn - 2 * PROOF


@given(st.binary(max_size=60), nodes)
def test_garbage_before_a_scan_is_skipped(garbage, distances):
    stream = b"".join(node(100 + k * 0.9, d / 4) for k, d in enumerate(distances))
    _, found, _, _, _ = parse(garbage + stream, synchronised=False)
    assert [round(float(d) * 4000) for d in found[-len(distances) + PROOF + 2 :]] == distances[2:-PROOF]


@given(nodes, st.lists(st.integers(0, 10_000), max_size=10))
def test_the_same_points_are_found_however_the_stream_is_cut(distances, cuts):
    stream = b"".join(node(k * 0.9, d / 4) for k, d in enumerate(distances))
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    rest, found = b"", []
    for start, end in itertools.pairwise(edges):
        rest += stream[start:end]
        _, pieces, consumed, _, _ = parse(rest)
        rest = rest[consumed:]
        found += [round(float(d) * 4000) for d in pieces]
    assert found == distances[:-PROOF]


angles_of_any_order = st.lists(st.integers(0, 23039), min_size=PROOF + 1, max_size=120)


@given(angles_of_any_order, st.randoms(use_true_random=False))
def test_every_sample_with_right_check_bits_counts_whatever_its_neighbours_angles(raw_angles, random):
    stream = b"".join(node(angle / 64, random.choice((0, 750))) for angle in raw_angles)
    angles, _, _, _, skipped = parse(stream)
    assert [round(-math.degrees(a) % 360 * 64) % 23040 for a in angles] == raw_angles[:-PROOF]
    assert skipped == 0


@given(st.integers(PROOF, 40), st.sampled_from([0, 1]))
def test_a_sample_with_a_damaged_check_bit_is_left_out_alone(place, byte):
    count = 60
    stream = bytearray(b"".join(node(k * 0.9, 100 + k) for k in range(count)))
    stream[place * NODE_BYTES + byte] ^= 1
    _, found, _, _, skipped = parse(bytes(stream))
    assert [round(float(d) * 1000) - 100 for d in found] == [k for k in range(count - PROOF) if k != place]
    assert skipped == NODE_BYTES
