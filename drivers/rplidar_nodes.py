"""Nodes: the samples of an RPLidar's standard scan, 5 bytes each. SLAMTEC's "Interface Protocol and Application Notes";
little-endian.

    byte 0      quality << 2 | not S << 1 | S        S: first sample of a revolution
    bytes 1-2   angle in 1/64 degree << 1 | 1        clockwise, the last bit checks
    bytes 3-4   distance in 1/4 mm                   0: nothing came back

A lidar that triangulates corrects a sample's angle by its distance, so angles may go back from one sample to the next,
and one without a return stands some degrees ahead of its neighbours. Angles therefore say nothing about whether bytes
were lost; the check bits of several samples in a row do.
"""

import math

from numba import njit

NODE_BYTES = 5
PROOF = 6  # samples in a row whose check bits prove that the one before them is whole, and that a stream is found


@njit(cache=True, inline="always")
def _is_node(stream, i):
    """Whether the check bits of the 5 bytes at i are right."""
    return ((stream[i] ^ (stream[i] >> 1)) & 1) == 1 and (stream[i + 1] & 1) == 1


@njit(cache=True, inline="always")
def _good_in_a_row(stream, i, most):
    """How many nodes from i on have right check bits, up to `most`; only one of them may begin a revolution.

    Read one byte late, every node seems to begin one; read at another wrong place, check bits fit once in four.
    """
    begun = 0
    for k in range(most):
        j = i + k * NODE_BYTES
        begun += stream[j] & 1
        if not _is_node(stream, j) or begun > 1:
            return k
    return most


@njit(cache=True)
def parse_nodes(stream, synchronised, mount_yaw_rad, angle_rad, distance_m):
    """Find the nodes in `stream` (uint8).

    Returns (points, bytes consumed, revolutions begun, bytes skipped, whether it is in step with the stream).
    `angle_rad`, `distance_m`: float32, room for len(stream) // 5. A node counts, whatever its angle, when its own check
    bits and those of the PROOF nodes behind it are right: so a node that lost bytes is found out, and the last ones of a
    stream wait. A single node with wrong check bits is left out; otherwise the stream is searched for where it goes on.
    """
    size = stream.shape[0]
    i = points = revolutions = skipped = 0
    while i + NODE_BYTES * (PROOF + 1) <= size:
        good = _good_in_a_row(stream, i, PROOF + 1)
        whole = good == PROOF + 1
        if not whole and synchronised:
            # One damaged node in a stream that is in step, or bytes are missing? What comes behind it says.
            behind = i + NODE_BYTES * (good + 1)
            if behind + NODE_BYTES * PROOF > size:
                break
            if _good_in_a_row(stream, behind, PROOF) == PROOF:
                if good == 0:
                    i += NODE_BYTES
                    skipped += NODE_BYTES
                    continue
                whole = True
        if not whole:
            synchronised = False
            i += 1
            skipped += 1
            continue
        synchronised = True
        clockwise = (int(stream[i + 1]) >> 1) | (int(stream[i + 2]) << 7)
        angle = mount_yaw_rad - clockwise * (math.pi / 11520)
        angle_rad[points] = angle - 2.0 * math.pi * math.floor((angle + math.pi) / (2.0 * math.pi))
        distance_m[points] = (int(stream[i + 3]) | (int(stream[i + 4]) << 8)) * 0.00025
        points += 1
        revolutions += stream[i] & 1
        i += NODE_BYTES
    return points, i, revolutions, skipped, synchronised
