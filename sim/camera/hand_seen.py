"""What a camera on a hand sees of the hand itself: the peg, the finger and the jaw, boxes that move with it and are drawn once a look."""

import numpy as np
from numba import njit

# Boxes in the hand's frame (`data/wrist.toml`), m: the peg of `sim.arm.peg.PegScene`, and about the fingertips of an SO-101.
LOW_M = np.array([[-0.008, -0.008, 0.0], [-0.021, -0.012, 0.026], [0.008, -0.010, 0.024]])
HIGH_M = np.array([[0.008, 0.008, 0.05], [-0.008, 0.012, 0.11], [0.019, 0.010, 0.10]])
FINE = 4  # rays of a pixel, along and across
FAR_M = 10.0


@njit(cache=True)
def hand_seen(at_m, axes, rays, focal_px, grey, light, out):
    """Into out (n, 3, rows, columns): the share of a pixel that the hand covers, its grey there, and its depth, m.

    at_m (n, 3), axes (n, 3, 3), rays (n, rows, columns, 2), focal_px (n,): of cameras. grey (n, 3): of the boxes. light (n, 3): x and y of
    the way that light comes from, where z is 1, and the share of it that comes from everywhere; the hand is taken to be upright.
    """
    rows, columns = rays.shape[1], rays.shape[2]
    ray = np.zeros(3)
    for n in range(len(at_m)):
        length = np.sqrt(1.0 + light[n, 0] * light[n, 0] + light[n, 1] * light[n, 1])
        towards = np.array([light[n, 0] / length, light[n, 1] / length, 1.0 / length])
        for v in range(rows):
            for u in range(columns):
                hits, total, nearest = 0, 0.0, FAR_M
                for part in range(FINE * FINE):
                    x = rays[n, v, u, 0] + ((part % FINE + 0.5) / FINE - 0.5) / focal_px[n]
                    y = rays[n, v, u, 1] + ((part // FINE + 0.5) / FINE - 0.5) / focal_px[n]
                    for i in range(3):
                        ray[i] = axes[n, i, 0] * x + axes[n, i, 1] * y + axes[n, i, 2]
                    depth, box, side = first_box(at_m[n], ray)
                    if box >= 0:
                        facing = -towards[side] if ray[side] > 0.0 else towards[side]
                        shade = light[n, 2] + (1.0 - light[n, 2]) * max(0.0, facing)
                        hits, total, nearest = hits + 1, total + shade * grey[n, box], min(nearest, depth)
                out[n, 0, v, u] = hits / (FINE * FINE)
                out[n, 1, v, u] = total / max(1, hits)
                out[n, 2, v, u] = nearest


@njit(cache=True)
def first_box(at, ray):
    """How far along a ray the first box is, which, and by which of its sides it is met; -1: none."""
    found, which, by = FAR_M, -1, 0
    for box in range(len(LOW_M)):
        enters, leaves, side = 0.0, FAR_M, 0
        for i in range(3):
            if abs(ray[i]) < 1e-9:
                if at[i] < LOW_M[box, i] or at[i] > HIGH_M[box, i]:
                    leaves = -1.0
                continue
            one, other = (LOW_M[box, i] - at[i]) / ray[i], (HIGH_M[box, i] - at[i]) / ray[i]
            if min(one, other) > enters:
                enters, side = min(one, other), i
            leaves = min(leaves, max(one, other))
        if 0.0 < enters < leaves and enters < found:
            found, which, by = enters, box, side
    return found, which, by
