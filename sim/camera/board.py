"""What a camera sees of a board with a square hole, its chamfer, and the table below: colours by rays, edges by how much of a pixel they cover.

All in the hole's frame: origin in the middle of the hole on the board's surface, z out of it. Plain functions, compiled in single precision
by `sim.camera.wrist`.
"""

import math

import numpy as np
from numba import uintp

from sim.camera.textures import CONTRAST, SIDE

FAR_M = 10.0
HOLE_DEPTH_M, CHAMFER_M = 0.015, 0.0005  # of `sim.arm.peg.PegScene`
TEXELS = SIDE * SIDE
SIDES_LIGHT = 0.6  # of a board's sides, against its surface
LEAST = 1e-6


def texel(all_texels, number, x_m, y_m, size_m):
    """A texture's deviation from its mean at a place, in standard deviations."""
    column = np.int64(math.floor(x_m / size_m * np.float32(SIDE))) & (SIDE - 1)
    row = np.int64(math.floor(y_m / size_m * np.float32(SIDE))) & (SIDE - 1)
    return (np.float32(all_texels[uintp(number * TEXELS + row * SIDE + column)]) - 128.0) * (1.0 / CONTRAST)


def covered(inside_m, size_m):
    """The share of a pixel of this size that lies inside an edge, so far from it."""
    return min(1.0, max(0.0, 0.5 + inside_m / size_m))


def in_the_hole(x, y, dx, dy, dz, half_m, look):
    """The light in the hole, of that on the board, where a ray (dx, dy, dz) that enters it at x, y meets wall or floor."""
    x, y = min(half_m, max(-half_m, x)), min(half_m, max(-half_m, y))
    to_x = (half_m - x) / max(dx, LEAST) if dx > 0.0 else (half_m + x) / max(-dx, LEAST)
    to_y = (half_m - y) / max(dy, LEAST) if dy > 0.0 else (half_m + y) / max(-dy, LEAST)
    to_floor = HOLE_DEPTH_M / -dz
    way = min(to_floor, min(to_x, to_y))
    deep = -dz * way
    turned = 1.0 if way == to_floor else (0.8 if to_x < to_y else 0.65)
    return look.inside * turned * look.inside_fades_m / (look.inside_fades_m + deep)


def table_grey(at, ray, light, table, look, all_texels):
    """Of the table, where a pixel looks at it; see `board_pixel`."""
    x0, y0, z0 = at
    dx, dy, dz = ray
    grey = look.table
    slope = table[0] * dx + table[1] * dy + table[2] * dz
    if slope < -LEAST:
        along = -(table[0] * x0 + table[1] * y0 + table[2] * z0 + table[3]) / slope
        pattern = texel(
            all_texels, look.table_texture, x0 + along * dx + look.texture_x_m, y0 + along * dy, look.texture_m
        )
        grey = light[1] * look.table * max(0.0, 1.0 + look.table_contrast * pattern)
    return grey


def board_pixel(at, ray, steps, half_m, light, table, look, all_texels):
    """The grey of a pixel, and how far away, in lengths of its ray, the board's surface is there; FAR_M where there is none.

    at, ray: three numbers each, the camera and where its pixel looks, one long along the camera's axis. steps: six, by which the ray changes
    from pixel to pixel, to the right and down. half_m: of the hole. light: on the board's surface, on the table, and the way that it comes from
    (3 numbers). table: normal (3 numbers), and how far below the origin it is along that.
    """
    x0, y0, z0 = at
    dx, dy, dz = ray
    grey, depth = table_grey(at, ray, light, table, look, all_texels), FAR_M
    if dz > -LEAST or z0 <= 0.0:
        return grey, depth
    along = -z0 / dz
    x, y = x0 + along * dx, y0 + along * dy
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    size_m = along / look.focal_px * math.sqrt(length / -dz)
    out_m = max(abs(x), abs(y))
    on_plate = covered(look.plate_half_m - out_m, size_m)
    if on_plate < 1.0:
        # the sides, where a ray comes down beside the surface
        half = look.plate_half_m
        to_x = (-half - x0) / max(dx, LEAST) if dx > 0.0 else (half - x0) / min(dx, -LEAST)
        to_y = (-half - y0) / max(dy, LEAST) if dy > 0.0 else (half - y0) / min(dy, -LEAST)
        way = max(to_x, to_y)
        deep, beside = -(z0 + way * dz), min(abs(x0 + way * dx), abs(y0 + way * dy))
        if way > along and 0.0 < deep < look.plate_thick_m and beside < half:
            grey = SIDES_LIGHT * (0.8 if to_x > to_y else 1.0) * light[0] * look.plate
    if on_plate > 0.0:
        pattern = texel(all_texels, look.plate_texture, x + look.texture_x_m, y + look.texture_y_m, look.texture_m)
        patch = texel(all_texels, 0, x + look.texture_y_m, y + look.texture_x_m, look.light_m)
        lit = light[0] * max(0.2, 1.0 + look.light_contrast * patch) * look.plate
        top = lit * max(0.0, 1.0 + look.plate_contrast * pattern)
        near = covered(half_m + CHAMFER_M - out_m, size_m)
        if near > 0.0:
            hole = covered(half_m - out_m, size_m)
            rim = lit * look.chamfer
            inside = lit * in_the_hole(x, y, dx, dy, dz, half_m, look)
            top = (1.0 - near) * top + (near - hole) * rim + hole * inside
            depth = along if hole < 0.5 else FAR_M
        else:
            depth = along
        grey = on_plate * top + (1.0 - on_plate) * grey
        depth = depth if on_plate > 0.5 else FAR_M
    return grey, depth
