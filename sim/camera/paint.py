"""What each pixel's ray meets, and its colour before the lens and the sensor blur and darken it.

Plain functions, compiled in single precision by `sim.camera.render`.
"""

import math

import numpy as np
from numba import uintp

from sim.camera.looks import BACKGROUND, CEILING, FLOOR, OUTSIDE, STRIPE, TAPE, WALL
from sim.camera.march import look_up
from sim.camera.textures import CONTRAST, SIDE

WRAP, TEXELS = SIDE - 1, float(SIDE)
ABROAD_M = 512.0  # added to coordinates, so that they are positive before they become whole
FADES_M = 4.0  # half of a texture's contrast is left at this distance: beyond it texels are smaller than pixels
LOOK_UP_MARGIN_MM = 40.0
BACKGROUND_TEXELS = 80.0  # for a diamond angle, or a slope, of 1


def directions(rays, look, yaw_rate, acceleration, forward, left, up, bearing):
    """Where every pixel looks, in the car's frame in the middle of the exposure, scaled as `sim.camera.march` says.

    rays (height, width, 2); forward, left, up, bearing (height, width), written. Each row is read out at its own time, and the car
    has turned on. Returns the least and the largest bearing.
    """
    height, width = forward.shape
    pitch = look.pitch_rad - look.dive_rad_per_m_s2 * acceleration
    sin_p, cos_p = math.sin(pitch), math.cos(pitch)
    sin_r, cos_r = math.sin(look.roll_rad), math.cos(look.roll_rad)
    lowest, highest = 2.0, -2.0
    for v in range(height):
        yaw = look.yaw_rad + yaw_rate * row_time(look, v, height)
        sin_y, cos_y = math.sin(yaw), math.cos(yaw)
        # Columns of yaw * pitch * roll: ahead of the lens, to its left, above it.
        ahead_x, ahead_y, ahead_z = cos_y * cos_p, sin_y * cos_p, -sin_p
        left_x, left_y, left_z = (
            cos_y * sin_p * sin_r - sin_y * cos_r, sin_y * sin_p * sin_r + cos_y * cos_r, cos_p * sin_r
        )  # fmt: skip
        up_x, up_y, up_z = cos_y * sin_p * cos_r + sin_y * sin_r, sin_y * sin_p * cos_r - cos_y * sin_r, cos_p * cos_r
        for u in range(width):
            a, b = rays[v, u, 0], rays[v, u, 1]  # right, down
            x = ahead_x - a * left_x - b * up_x
            y = ahead_y - a * left_y - b * up_y
            z = ahead_z - a * left_z - b * up_z
            scale = 1.0 / max(abs(x) + abs(y), 1e-3)
            x, y = x * scale, y * scale
            forward[v, u], left[v, u], up[v, u] = x, y, z * scale
            behind = 2.0 - y if y > 0.0 else -2.0 - y
            at = y if x > 0.0 else behind
            bearing[v, u] = at
            lowest, highest = min(lowest, at), max(highest, at)
    return lowest, highest


def row_time(look, v, height):
    """When a row is exposed, s after the middle of the frame."""
    return look.readout_s * ((np.float32(v) + 0.5) / np.float32(height) - 0.5)


def texel(texture, x, y):
    """A texture's value, in standard deviations, at coordinates in texels."""
    column, row = uintp(int(x)) & uintp(WRAP), uintp(int(y)) & uintp(WRAP)
    return (np.float32(texture[row, column]) - 128.0) * (1.0 / CONTRAST)


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


def paint(image, forward, left, up, bearing, distance_mm, first, height, width, column, row, ahead_column, ahead_row,
          cells_per_m, speed, lowest, step, nearness, change, closing, shade, along_columns, look, colours, textures):  # fmt: skip
    """Write the image (rows, columns, channels) float32. A place as `march` has it; speed in m/s, of the car."""
    rows, columns, channels = image.shape
    per_step = 1.0 / step
    m_per_cell = 1.0 / cells_per_m
    camera_m, top_m, ceiling_m = look.height_m, look.wall_height_m - look.height_m, look.ceiling_m - look.height_m
    floor_from, ceiling_from = (camera_m / look.far_m) ** 2, (ceiling_m / look.far_m) ** 2
    pixel = 1.0 / look.focal_px
    floor_texels, wall_texels = TEXELS / look.floor_texture_m, TEXELS / look.wall_texture_m
    ceiling_texels, light_texels = TEXELS / look.ceiling_texture_m, TEXELS / look.light_m
    floor_texture, wall_texture = textures[look.floor_texture], textures[look.wall_texture]
    ceiling_texture, background_texture = textures[look.ceiling_texture], textures[look.background_texture]
    light_texture = textures[0]
    begin_x, begin_y = look.texture_x_m + ABROAD_M, look.texture_y_m + ABROAD_M
    has_walls, has_tape = look.wall_height_m > 0.0, look.tape_half_width_m > 0.0
    tape_from = 1000.0 * (look.tape_inset_m - look.tape_half_width_m) - LOOK_UP_MARGIN_MM
    tape_to = 1000.0 * (look.tape_inset_m + look.tape_half_width_m) + LOOK_UP_MARGIN_MM
    for v in range(rows):
        driven_m = speed * row_time(look, v, rows)
        from_column = column + driven_m * cells_per_m * ahead_column
        from_row = row + driven_m * cells_per_m * ahead_row
        for u in range(columns):
            x, y, z = forward[v, u], left[v, u], up[v, u]
            near = 0.0
            k = uintp(0)
            if has_walls:
                at = (bearing[v, u] - lowest) * per_step
                k = uintp(int(at + 0.5))
                near = nearness[k] + (at - np.float32(int(at + 0.5))) * change[k]
                near += driven_m * closing[k] * near * near
            along_column, along_row = x * ahead_column - y * ahead_row, x * ahead_row + y * ahead_column
            square = x * x + y * y
            cover = 0.0
            if z >= -camera_m * near and z < top_m * near:
                reach = 1.0 / near
                cell = from_column + reach * cells_per_m * along_column
                if along_columns[k] < 0.5:
                    cell = from_row + reach * cells_per_m * along_row
                along_m = cell * m_per_cell + begin_x
                pattern = texel(wall_texture, along_m * wall_texels,
                                (camera_m + reach * z + ABROAD_M) * wall_texels)  # fmt: skip
                light = shade[k] * max(0.0, 1.0 + look.wall_contrast * pattern * FADES_M / (FADES_M + reach))
                surface = WALL
                if look.stripe_m > 0.0 and int(along_m / look.stripe_m) & 1 == 1:
                    surface = STRIPE
                bright = light
            elif z < 0.0 and z * z > floor_from * square:
                reach = -camera_m / z
                cell_column = from_column + reach * cells_per_m * along_column
                cell_row = from_row + reach * cells_per_m * along_row
                x_m, y_m = cell_column * m_per_cell + begin_x, cell_row * m_per_cell + begin_y
                pattern = texel(floor_texture, x_m * floor_texels, y_m * floor_texels)
                bright = max(
                    0.2, 1.0 + look.light_contrast * texel(light_texture, x_m * light_texels, y_m * light_texels)
                )
                light = bright * max(0.0, 1.0 + look.floor_contrast * pattern * FADES_M / (FADES_M + reach))
                surface = OUTSIDE
                j, i = int(cell_column + 0.5), int(cell_row + 0.5)
                if cell_column > 0.0 and cell_row > 0.0 and j < width - 1 and i < height - 1:
                    free_mm = np.float32(distance_mm[uintp(first + i * width + j)])
                    surface = FLOOR if free_mm > 0.0 else OUTSIDE
                    size_mm = 1000.0 * pixel * reach
                    stretch = reach / camera_m
                    blur_mm = size_mm * (1.0 + stretch)
                    if has_tape and free_mm > tape_from - blur_mm and free_mm < tape_to + blur_mm:
                        free_mm, slope_column, slope_row = look_up(
                            distance_mm, first, height, width, cell_column, cell_row
                        )
                        cover = tape_cover(
                            free_mm, slope_column, slope_row, along_column, along_row, size_mm, stretch, look
                        )
            elif z > 0.0 and z * z > ceiling_from * square:
                reach = ceiling_m / z
                x_m = (from_column + reach * cells_per_m * along_column) * m_per_cell + begin_x
                y_m = (from_row + reach * cells_per_m * along_row) * m_per_cell + begin_y
                pattern = texel(ceiling_texture, x_m * ceiling_texels, y_m * ceiling_texels)
                light = max(0.0, 1.0 + look.ceiling_contrast * pattern * FADES_M / (FADES_M + reach))
                surface = CEILING
                bright = light
            else:
                size = abs(along_column) + abs(along_row)
                turned = along_row / size
                turned = turned if along_column > 0.0 else 2.0 - turned
                pattern = texel(background_texture, (turned + 8.0) * BACKGROUND_TEXELS,
                                (z + 8.0) * BACKGROUND_TEXELS)  # fmt: skip
                light = max(0.0, 1.0 + look.background_contrast * pattern)
                surface = BACKGROUND
                bright = light
            for c in range(channels):
                value = colours[surface, c] * light
                image[v, u, c] = value + cover * (colours[TAPE, c] * bright - value)
