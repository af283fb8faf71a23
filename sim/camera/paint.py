"""The colours of what pixels meet, before lens and sensor blur and darken them.

Plain functions, compiled in single precision by `sim.camera.render`.
"""

import math

import numpy as np
from numba import uintp

from sim.camera.looks import FLOOR, OUTSIDE, TAPE
from sim.camera.march import look_up
from sim.camera.meet import COLUMN, CONTRAST_HERE, FORWARD, LEFT, LIGHT_TEXEL, REACH, ROW, SHADE, SURFACE, TEXEL
from sim.camera.textures import CONTRAST

LOOK_UP_MARGIN_MM = 40.0
DARKEST = 0.2  # of the light on the floor
MM_PER_M = 1000.0


def tape_cover(free_mm, slope_column, slope_row, along_column, along_row, size_mm, stretch, look):
    """How much of a pixel tape covers: the overlap of two intervals of distance from the edge.

    size_mm: a pixel's width at that distance; stretch: how much longer it is along the view than across, on the floor.
    """
    steep = math.sqrt(slope_column * slope_column + slope_row * slope_row) + 1e-3
    length = math.sqrt(along_column * along_column + along_row * along_row)
    along = (slope_column * along_column + slope_row * along_row) / (steep * length)
    half = 0.5 * size_mm * math.sqrt(max(0.0, 1.0 - along * along) + along * along * stretch * stretch)
    middle, tape_half = 1000.0 * look.tape_inset_m, 1000.0 * look.tape_half_width_m
    overlap = min(free_mm + half, middle + tape_half) - max(free_mm - half, middle - tape_half)
    return max(0.0, overlap) / (2.0 * half)


def floor_here(place, row, u, ahead_column, ahead_row, look):
    """Whether a pixel's floor is on the course or outside, and how much of it tape covers. place: see `paint`."""
    distance_mm, first, height, width = place
    column, line, reach = row[COLUMN + u], row[ROW + u], row[REACH + u]
    inside = column > 0.0 and line > 0.0 and column < np.float32(width) - 1.5 and line < np.float32(height) - 1.5
    if not inside:
        return OUTSIDE, 0.0
    free_mm = np.float32(distance_mm[uintp(first + int(line + 0.5) * width + int(column + 0.5))])
    surface = FLOOR if free_mm > 0.0 else OUTSIDE
    size_mm, stretch = MM_PER_M * reach / look.focal_px, reach / look.height_m
    margin_mm = MM_PER_M * look.tape_half_width_m + LOOK_UP_MARGIN_MM + size_mm * (1.0 + stretch)
    if look.tape_half_width_m <= 0.0 or abs(free_mm - MM_PER_M * look.tape_inset_m) > margin_mm:
        return surface, 0.0
    forward, left = row[FORWARD + u], row[LEFT + u]
    along_column, along_row = forward * ahead_column - left * ahead_row, forward * ahead_row + left * ahead_column
    free_mm, slope_column, slope_row = look_up(distance_mm, first, height, width, column, line)
    return surface, tape_cover(free_mm, slope_column, slope_row, along_column, along_row, size_mm, stretch, look)


def paint(image_row, row, channels, place, ahead_column, ahead_row, look, colours, all_texels):
    """Write a row of the image (columns * channels,) float32 for what `meet` wrote of it.

    place: distance_mm and first, height, width of a world. all_texels: textures, one after the other.
    """
    for u in range(uintp(image_row.size // channels)):
        surface, light, cover = int(row[SURFACE + u]), row[SHADE + u], 0.0
        if surface == FLOOR:
            surface, cover = floor_here(place, row, u, ahead_column, ahead_row, look)
            patch = (np.float32(all_texels[uintp(int(row[LIGHT_TEXEL + u]))]) - 128.0) * (1.0 / CONTRAST)
            light = max(DARKEST, 1.0 + look.light_contrast * patch)
        pattern = np.float32(all_texels[uintp(int(row[TEXEL + u]))]) - 128.0
        texture = max(0.0, 1.0 + row[CONTRAST_HERE + u] * pattern)
        met, first_value = uintp(surface), u * uintp(channels)
        plain, taped = light * texture * (1.0 - cover), light * cover
        image_row[first_value] = plain * colours[met, uintp(0)] + taped * colours[uintp(TAPE), uintp(0)]
        if channels == 3:
            for c in range(uintp(1), uintp(3)):
                image_row[first_value + c] = plain * colours[met, c] + taped * colours[uintp(TAPE), c]
