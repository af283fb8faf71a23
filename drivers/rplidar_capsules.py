"""Capsules: packets of samples that share an angle, as RPLidars send them in their faster scans. SLAMTEC's "Interface
Protocol and Application Notes"; little-endian.

    byte 0, 1    0xA0 | low, 0x50 | high half of the exclusive or of all bytes from 2 on
    bytes 2-3    S << 15 | angle of the first sample, 1/64 degree       S: the scan has just begun

EXPRESS (84 bytes): 16 times two samples: distance << 2 | upper bits of its angle's correction, twice; a byte with the
    lower ones, 1/8 degree.
ULTRA (132): 32 times three samples in 32 bits: 12 bits of distance on a scale that gets coarser with it, and twice 10 bits
    by how much the next ones differ. The laser looks ahead of the angle by an amount that depends on the distance.
DENSE (84): 40 distances, mm. ULTRA_DENSE (170; time stamp and state before the angle): 32 times two samples of 20 bits.

The samples of a capsule lie evenly between its angle and the next one's; so it waits for the next one.
"""

import math

import numpy as np
from numba import njit

from drivers.rplidar_protocol import DENSE, EXPRESS, ULTRA, ULTRA_DENSE

SIZES = {EXPRESS: 84, ULTRA: 132, DENSE: 84, ULTRA_DENSE: 170}
SAMPLES = {EXPRESS: 32, ULTRA: 96, DENSE: 40, ULTRA_DENSE: 64}
TURN_DEG = 360.0
AHEAD_RAD, NOTHING_AHEAD_DEG = math.radians(8.0), 7.5  # of the laser, in ULTRA: at a far point, and without a return
NEAR_MM = 50.0
INVALID = (-512, 511)  # differences that say: no return
SPAN_CHANGE = 1.6  # from one capsule to the next: more, and one is missing between them


@njit(cache=True)
def _u16(stream, i):
    return int(stream[i]) | int(stream[i + 1]) << 8


@njit(cache=True)
def is_capsule(stream, i, size):
    """Whether the bytes from i on are a whole capsule."""
    if stream[i] >> 4 != 0xA or stream[i + 1] >> 4 != 0x5:
        return False
    total = 0
    for k in range(i + 2, i + size):
        total ^= stream[k]
    return total == (stream[i] & 0xF) | (stream[i + 1] & 0xF) << 4


@njit(cache=True)
def scaled(value):
    """(distance, mm; its scale as a power of two) of 12 bits on the scale of ULTRA."""
    if value >= 3328:
        return 16384 + ((value - 3328) << 4), 4
    if value >= 1792:
        return 4096 + ((value - 1792) << 3), 3
    if value >= 1280:
        return 2048 + ((value - 1280) << 2), 2
    if value >= 512:
        return 512 + ((value - 512) << 1), 1
    return value, 0


@njit(cache=True)
def _ahead_deg(millimetres):
    """How far the laser looked ahead, in ULTRA."""
    if millimetres < NEAR_MM:
        return NOTHING_AHEAD_DEG
    near = 98361.0 / (4.0 * millimetres)
    return math.degrees(AHEAD_RAD - (near * 64.0 + near * near * near / 98304.0) / 65536.0)


@njit(cache=True)
def _decode_express(stream, i, angle_deg, step_deg, angles, millimetres):
    for k in range(32):
        cabin = i + 4 + 5 * (k // 2)
        word, low = _u16(stream, cabin + 2 * (k % 2)), int(stream[cabin + 4]) >> 4 * (k % 2) & 0xF
        angles[k] = angle_deg + k * step_deg - (low | (word & 3) << 4) / 8.0
        millimetres[k] = word >> 2


@njit(cache=True)
def _major(stream, cabin):
    return scaled(_u16(stream, cabin) & 0xFFF)


@njit(cache=True)
def _decode_ultra(stream, i, size, angle_deg, step_deg, angles, millimetres):
    for cabin in range(32):
        at = i + 4 + 4 * cabin
        after = at + 4 if cabin < 31 else i + size + 4  # the first one of the next capsule
        word = _u16(stream, at) | _u16(stream, at + 2) << 16
        major, scale = _major(stream, at)
        next_major, next_scale = _major(stream, after)
        base = major
        if major == 0 and next_major != 0:
            base, scale = next_major, next_scale
        millimetres[3 * cabin] = major
        for k in range(1, 3):
            difference = word >> (12 if k == 1 else 22) & 0x3FF
            if difference >= 512:
                difference -= 1024
            found = 0
            if difference != INVALID[0] and difference != INVALID[1]:
                found = base + (difference << scale) if k == 1 else next_major + (difference << next_scale)
            millimetres[3 * cabin + k] = max(0, found)
        for k in range(3 * cabin, 3 * cabin + 3):
            angles[k] = angle_deg + k * step_deg - _ahead_deg(millimetres[k])


@njit(cache=True)
def _decode_dense(stream, i, angle_deg, step_deg, angles, millimetres):
    for k in range(40):
        angles[k] = angle_deg + k * step_deg
        millimetres[k] = _u16(stream, i + 4 + 2 * k)


@njit(cache=True)
def _decode_ultra_dense(stream, i, angle_deg, step_deg, angles, millimetres):
    for k in range(64):
        cabin = i + 10 + 5 * (k // 2)
        word = _u16(stream, cabin + 2 * (k % 2)) | (int(stream[cabin + 4]) >> 4 * (k % 2) & 0xF) << 16
        scale = word & 3
        raw = word >> 2 & (1 << 10 + scale) - 1
        base = 0 if scale == 0 else 2046 if scale == 1 else 8187 if scale == 2 else 24567
        angles[k] = angle_deg + k * step_deg
        millimetres[k] = base + raw * (2 + scale)


@njit(cache=True)
def _start_deg(stream, i, kind):
    return (_u16(stream, i + (8 if kind == ULTRA_DENSE else 2)) & 0x7FFF) / 64.0


@njit(cache=True)
def _begins(stream, i, kind):
    return stream[i + (9 if kind == ULTRA_DENSE else 3)] >> 7 == 1


@njit(cache=True)
def parse_capsules(stream, kind, size, samples, usual_deg, angle_rad, distance_m):
    """Find the capsules in `stream` (uint8) of a kind, each of `size` bytes and so many samples.

    usual_deg: how far the last ones turned; 0 before the first. angle_rad, distance_m: float32, room for all that can be
    in the stream; angles clockwise, as the lidar tells them, not brought into a turn.

    Returns (points, bytes consumed, revolutions begun, bytes skipped, usual_deg). The last capsule stays: it needs the next.
    """
    i = points = revolutions = skipped = 0
    angles, millimetres = np.empty(96), np.empty(96)
    while i + 2 * size <= stream.shape[0]:
        if not is_capsule(stream, i, size):
            i += 1
            skipped += 1
            continue
        after = i + size
        if not is_capsule(stream, after, size) or _begins(stream, after, kind):
            i = after
            skipped += size
            continue
        angle_deg, next_deg = _start_deg(stream, i, kind), _start_deg(stream, after, kind)
        span_deg = next_deg - angle_deg + (TURN_DEG if next_deg < angle_deg else 0.0)
        even = usual_deg == 0.0 or usual_deg / SPAN_CHANGE < span_deg < usual_deg * SPAN_CHANGE
        usual_deg = span_deg if usual_deg == 0.0 else usual_deg + 0.25 * (span_deg - usual_deg)
        if not even:
            i = after
            skipped += size
            continue
        step_deg = span_deg / samples
        if kind == EXPRESS:
            _decode_express(stream, i, angle_deg, step_deg, angles, millimetres)
        elif kind == ULTRA:
            _decode_ultra(stream, i, size, angle_deg, step_deg, angles, millimetres)
        elif kind == DENSE:
            _decode_dense(stream, i, angle_deg, step_deg, angles, millimetres)
        else:
            _decode_ultra_dense(stream, i, angle_deg, step_deg, angles, millimetres)
        for k in range(samples):
            angle_rad[points] = math.radians(angles[k])
            distance_m[points] = 0.001 * millimetres[k]
            points += 1
        revolutions += next_deg < angle_deg
        i = after
    return points, i, revolutions, skipped, usual_deg
