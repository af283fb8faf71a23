"""What a camera on a hand sees of the hand itself: the peg, the finger and the jaw, boxes that move with it and are drawn once a look."""

import numpy as np
from numba import njit

# Boxes in the hand's frame (`data/wrist.toml`), m: the peg of `sim.arm.peg.PegScene`, and about the fingertips of an SO-101.
LOW_M = np.array([[-0.008, -0.008, 0.0], [-0.021, -0.012, 0.026], [0.008, -0.010, 0.024]])
HIGH_M = np.array([[0.008, 0.008, 0.05], [-0.008, 0.012, 0.11], [0.019, 0.010, 0.10]])
# Without a peg: the finger, and the jaw as its angle 0 has it, which turns about an axis along y.
BARE_LOW_M = np.array([[0.0, 0.0, 0.0], [-0.013, -0.012, 0.026], [0.0126, -0.010, 0.028]])
BARE_HIGH_M = np.array([[0.0, 0.0, 0.0], [0.0, 0.012, 0.11], [0.0251, 0.010, 0.1047]])
JAW = 2
PIVOT_X_M, PIVOT_Z_M = 0.0281, 0.1047
FINE = 4  # rays of a pixel, along and across
FAR_M = 10.0


@njit(cache=True)
def hand_seen(at_m, axes, rays, focal_px, grey, light, low_m, high_m, jaw_rad, out):
    """Into out (n, 3, rows, columns): the share of a pixel that the hand covers, its grey there, and its depth, m.

    at_m (n, 3), axes (n, 3, 3), rays (n, rows, columns, 2), focal_px (n,): of cameras. grey (n, 3): of the boxes. light (n, 3): x and y of
    the way that light comes from, where z is 1, and the share of it that comes from everywhere; the hand is taken to be upright. low_m,
    high_m (3, 3): of the boxes; jaw_rad: by which the last one is turned.
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
                    depth, box, side = first_box(at_m[n], ray, low_m, high_m, jaw_rad)
                    if box >= 0:
                        facing = -towards[side] if ray[side] > 0.0 else towards[side]
                        shade = light[n, 2] + (1.0 - light[n, 2]) * max(0.0, facing)
                        hits, total, nearest = hits + 1, total + shade * grey[n, box], min(nearest, depth)
                out[n, 0, v, u] = hits / (FINE * FINE)
                out[n, 1, v, u] = total / max(1, hits)
                out[n, 2, v, u] = nearest


@njit(cache=True)
def first_box(at, ray, low_m, high_m, jaw_rad):
    """How far along a ray the first box is, which, and by which of its sides it is met; -1: none."""
    found, which, by = FAR_M, -1, 0
    begins, leads = at.copy(), ray.copy()
    for box in range(len(low_m)):
        if box == JAW and jaw_rad != 0.0:
            c, s = np.cos(jaw_rad), np.sin(jaw_rad)
            x, z = at[0] - PIVOT_X_M, at[2] - PIVOT_Z_M
            begins[0], begins[2] = PIVOT_X_M + c * x + s * z, PIVOT_Z_M + c * z - s * x
            leads[0], leads[2] = c * ray[0] + s * ray[2], c * ray[2] - s * ray[0]
        enters, leaves, side = 0.0, FAR_M, 0
        for i in range(3):
            if abs(leads[i]) < 1e-9:
                if begins[i] < low_m[box, i] or begins[i] > high_m[box, i]:
                    leaves = -1.0
                continue
            one, other = (low_m[box, i] - begins[i]) / leads[i], (high_m[box, i] - begins[i]) / leads[i]
            if min(one, other) > enters:
                enters, side = min(one, other), i
            leaves = min(leaves, max(one, other))
        if 0.0 < enters < leaves and enters < found:
            found, which, by = enters, box, side
    return found, which, by
