"""What a camera sees of a block on a table, or over it: a cube whose pixels are looked at in several places each, by rays.

All in the block's frame: origin in its middle. Plain functions, compiled in single precision by `sim.camera.wrist`.
"""

import numpy as np

from sim.camera.board import FAR_M, LEAST, table_grey, texel

FINE = 3  # rays of a pixel, along and across
ROUND = 1.75  # radius of a ball about a cube, in halves of its side; and a pixel beside it
BESIDE_M = 0.002


def cube_pixel(at, ray, steps, half_m, light, table, look, all_texels):
    """As `sim.camera.board.board_pixel`, of a block: its middle is the origin, half_m half of its side."""
    grey, depth = table_grey(at, ray, light, table, look, all_texels), FAR_M
    x0, y0, z0 = at
    dx, dy, dz = ray
    along = -(x0 * dx + y0 * dy + z0 * dz) / (dx * dx + dy * dy + dz * dz)
    off_x, off_y, off_z = x0 + along * dx, y0 + along * dy, z0 + along * dz
    near_m = ROUND * half_m + BESIDE_M
    if along <= 0.0 or off_x * off_x + off_y * off_y + off_z * off_z > near_m * near_m:
        return grey, depth
    hits, total, nearest = 0.0, 0.0, FAR_M
    for part in range(FINE * FINE):
        right = (np.float32(part % FINE) + 0.5) / FINE - 0.5
        down = (np.float32(part // FINE) + 0.5) / FINE - 0.5
        x = dx + right * steps[0] + down * steps[3]
        y = dy + right * steps[1] + down * steps[4]
        z = dz + right * steps[2] + down * steps[5]
        enters, shade, u, v = face(at, x, y, z, half_m, light)
        if enters > 0.0:
            pattern = texel(all_texels, look.plate_texture, u + look.texture_x_m, v + look.texture_y_m, look.texture_m)
            hits += 1.0
            total += (
                (look.ambient + (1.0 - look.ambient) * max(0.0, shade))
                * look.plate
                * max(0.0, 1.0 + look.plate_contrast * pattern)
            )
            nearest = min(nearest, enters)
    share = hits / np.float32(FINE * FINE)
    if hits > 0.0:
        grey = (1.0 - share) * grey + share * total / hits
    if share > 0.5:
        depth = nearest
    return grey, depth


def face(at, x, y, z, half_m, light):
    """Where a ray meets the cube, in its lengths, 0.0 where it does not; how that face looks towards the light, and the place on it."""
    first, last, shade, u, v = 0.0, FAR_M, 0.0, 0.0, 0.0
    for axis in range(3):
        begin = at[0] if axis == 0 else (at[1] if axis == 1 else at[2])
        slope = x if axis == 0 else (y if axis == 1 else z)
        if abs(slope) < LEAST:
            slope = LEAST
        one, other = (-half_m - begin) / slope, (half_m - begin) / slope
        if min(one, other) > first:
            first = min(one, other)
            towards = light[2] if axis == 0 else (light[3] if axis == 1 else light[4])
            shade = -towards if slope > 0.0 else towards
            u = at[1] + first * y if axis == 0 else at[0] + first * x
            v = at[1] + first * y if axis == 2 else at[2] + first * z
        last = min(last, max(one, other))
    if last < first:
        first = 0.0
    return first, shade, u, v
