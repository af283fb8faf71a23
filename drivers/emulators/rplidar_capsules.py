"""How an RPLidar packs samples into capsules, written from SLAMTEC's "Interface Protocol and Application Notes".

Every capsule takes samples in the order in which they were measured: turns (n,) of the motor at each, in turns; correction
(n,), degrees, that each beam's angle is behind the motor's; distances (n,), mm, 0 where nothing came back.
"""

import numpy as np

LEVELS = (
    (16384, 3328, 4),
    (4096, 1792, 3),
    (2048, 1280, 2),
    (512, 512, 1),
    (0, 0, 0),
)  # from distance, to value, scale
INVALID = 0x200


def closed(body: bytes) -> bytes:
    """A capsule with its two synchronising halves, which hold the exclusive or of the rest."""
    total = int(np.bitwise_xor.reduce(np.frombuffer(body, np.uint8)))
    return bytes([0xA0 | total & 0xF, 0x50 | total >> 4]) + body


def start_angle(turns: float, first: bool) -> bytes:
    """The capsule's angle, and whether the scan begins with it."""
    return ((int(turns % 1.0 * 23040.0) % 23040) | first << 15).to_bytes(2, "little")


def express(turns: np.ndarray, correction: np.ndarray, mm: np.ndarray, first: bool) -> bytes:
    """32 samples."""
    eighths = np.clip(np.rint(8.0 * correction), 0, 63).astype(int)
    words = np.minimum(mm.astype(int), 16383) << 2 | eighths >> 4
    cabins = [
        int(a).to_bytes(2, "little") + int(b).to_bytes(2, "little") + bytes([p & 0xF | (q & 0xF) << 4])
        for a, b, p, q in zip(words[::2], words[1::2], eighths[::2], eighths[1::2], strict=True)
    ]
    return closed(start_angle(turns[0], first) + b"".join(cabins))


def on_scale(mm: int) -> tuple[int, int, int]:
    """(12 bits for a distance, the scale as a power of two, the distance that they stand for)."""
    for least, value, scale in LEVELS:
        if mm >= least:
            found = min(0xFFF, value + (mm - least >> scale))
            return found, scale, least + (found - value << scale)
    return 0, 0, 0


def ultra(turns: np.ndarray, mm: np.ndarray, next_mm: float, first: bool) -> bytes:
    """96 samples. next_mm: the first distance of the capsule that follows."""
    majors = [on_scale(int(value)) for value in [*mm[::3], next_mm]]
    body = bytearray(start_angle(turns[0], first))
    for cabin in range(32):
        (value, scale, base), (_, next_scale, next_base) = majors[cabin], majors[cabin + 1]
        if base == 0 and next_base:
            base, scale = next_base, next_scale
        one = difference(int(mm[3 * cabin + 1]), base, scale)
        two = difference(int(mm[3 * cabin + 2]), next_base, next_scale)
        body += (value | one << 12 | two << 22).to_bytes(4, "little")
    return closed(bytes(body))


def difference(mm: int, base: int, scale: int) -> int:
    """10 bits for a distance beside another one; INVALID where nothing came back, or it is too far from that."""
    steps = (mm - base) >> scale
    return steps & 0x3FF if mm and -511 <= steps <= 510 else INVALID


def dense(turns: np.ndarray, mm: np.ndarray, first: bool) -> bytes:
    """40 samples."""
    return closed(start_angle(turns[0], first) + np.minimum(mm, 65535).astype("<u2").tobytes())


def ultra_dense(turns: np.ndarray, mm: np.ndarray, first: bool, clock_us: int) -> bytes:
    """64 samples."""
    body = bytearray((clock_us & 0xFFFFFFFF).to_bytes(4, "little") + bytes(2) + start_angle(turns[0], first))
    words = []
    for value in mm.astype(int):
        scale = 0 if value <= 2046 else 1 if value <= 8187 else 2 if value <= 24567 else 3
        raw = (int(value) - (0, 2046, 8187, 24567)[scale]) // (2 + scale)
        quality = 0 if value == 0 else 200 >> scale
        words.append((scale | min(raw, (1 << 10 + scale) - 1) << 2 | quality << 12 + scale) & 0xFFFFF)
    for one, two in zip(words[::2], words[1::2], strict=True):
        body += (one & 0xFFFF).to_bytes(2, "little") + (two & 0xFFFF).to_bytes(2, "little")
        body.append(one >> 16 | two >> 16 << 4)
    return closed(bytes(body))
