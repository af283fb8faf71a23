"""SCIP 2 against the examples of its document."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.hokuyo import encoded, in_lines
from drivers.scip import Answer, checksum, decode_lines, geometry, number, parse_answer

VV = rb"""VEND:Hokuyo Automatic Co.,Ltd.;[
PROD:SOKUIKI Sensor URG-04LX;[
FIRM:3.1.00(18/Jan./2007);`
PROT:SCIP 2.0;N
SERI:H0614967;V"""
PP = rb"""MODL:URG-04LX(Hokuyo Automatic Co.,Ltd.);N
DMIN:20;4
DMAX:5600;_
ARES:1024;\
AMIN:44;7
AMAX:725;o
AFRT:384;6
SCAN:600;e"""


@pytest.mark.parametrize(("characters", "value"), [(b"CB", 1234), (b"1Dh", 5432), (b"m2@0", 16_000_000)])
def test_the_numbers_of_the_document(characters, value):
    assert number(characters) == value


@pytest.mark.parametrize(("line", "character"), [(b"00", b"P"), (b"99", b"b"), (b"01", b"Q"), (b"02", b"R")])
def test_the_statuses_and_their_sums(line, character):
    assert bytes([checksum(line)]) == character


def test_a_version_of_the_document():
    answer = parse_answer(b"VV\n00P\n" + VV)
    assert (answer.request, answer.status) == ("VV", "00")
    assert answer.fields() == {
        "VEND": "Hokuyo Automatic Co.,Ltd.", "PROD": "SOKUIKI Sensor URG-04LX", "FIRM": "3.1.00(18/Jan./2007)",
        "PROT": "SCIP 2.0", "SERI": "H0614967",
    }  # fmt: skip


def test_the_geometry_of_the_document():
    found = geometry(parse_answer(b"PP\n00P\n" + PP).fields())
    assert (found.nearest_mm, found.farthest_mm, found.steps, found.turn_s) == (20, 5600, 682, 0.1)
    angles = np.degrees(found.angles_rad())
    assert angles[384 - 44] == 0.0  # step 384 is ahead
    assert (angles[0], angles[-1]) == pytest.approx((-119.53, 119.88), abs=0.01)  # counter-clockwise


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"ARES:1024;/", "ARES"),
        (b"ARES:0;[", "lidar"),
        (b"SCAN:0;U", "lidar"),
        (b"AMAX:9999;7", "lidar"),
        (b"AFRT:x;P", "AFRT"),
    ],
)
def test_a_geometry_that_cannot_be_is_refused_by_name(line, word):
    name = line.partition(b":")[0]
    text = line[:-2]
    lines = [line if old.startswith(name) else old for old in PP.split(b"\n")]
    if word == "lidar":
        lines = [text + b";" + bytes([checksum(text)]) if old == line else old for old in lines]
    with pytest.raises(ValueError, match=word):
        geometry(Answer("PP", "00", b"\n".join(lines)).fields())


def test_a_scan_written_by_hand():
    # Time stamp 16,000,000 ms; then 1Dh = 5432 mm and 000 = 0 mm, with the sum of the six characters.
    stamp, data = b"m2@0", b"1Dh000"
    body = stamp + bytes([checksum(stamp)]) + b"\n" + data + bytes([checksum(data)])
    answer = parse_answer(b"MD0000000101000\n99b\n" + body)
    assert answer.stamp_ms() == 16_000_000
    assert answer.distances_mm(2).tolist() == [5432, 0]
    assert answer.distances_mm(3) is None


@given(st.lists(st.integers(0, 2**18 - 1), min_size=1, max_size=200))
def test_what_is_encoded_is_decoded(values):
    out = np.empty(len(values), np.int32)
    block = in_lines(encoded(np.array(values), 3)).rstrip(b"\n")
    assert decode_lines(np.frombuffer(block, np.uint8), out) == len(values)
    assert out.tolist() == values


@given(st.lists(st.integers(0, 2**18 - 1), min_size=1, max_size=100), st.integers(0, 10_000), st.integers(1, 255))
def test_one_damaged_character_is_found(values, place, change):
    block = bytearray(in_lines(encoded(np.array(values), 3)).rstrip(b"\n"))
    block[place % len(block)] ^= change
    out = np.empty(len(values), np.int32)
    found = decode_lines(np.frombuffer(bytes(block), np.uint8), out)
    # A sum of 6 bits misses what changes by a multiple of 64, and only that
    assert found != len(values) or change % 64 == 0 or out.tolist() == values or change & 0x3F == 0


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(data):
    for message in data.split(b"\n\n"):
        answer = parse_answer(message)
        if answer is not None:
            answer.fields(), answer.stamp_ms(), answer.distances_mm(5)
