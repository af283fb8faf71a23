"""Where pixels look, and what their rays meet: floor, the nearest wall, ceiling, or what lies beyond.

Plain functions, compiled in single precision by `sim.camera.render`. What is known of a row's pixels lies in one array, `row`, one
quantity each LINE numbers, and loops over pixels have no branches: so LLVM reckons eight or sixteen at a time, all cases of each, and
chooses one.
"""

import math

import numpy as np
from numba import int32, uint32, uintp

from sim.camera.looks import BACKGROUND, CEILING, FLOOR, STRIPE, WALL
from sim.camera.march import BEARINGS
from sim.camera.textures import CONTRAST, SIDE

WIDTH_MAX = 1024  # pixels of a row
LINE = WIDTH_MAX + 16  # no power of two, or all lines would share a few places of the cache
(FORWARD, LEFT, UP, AT, NEAR, SHADE, ALONG_COLUMNS, SURFACE, REACH, COLUMN, ROW, TEXEL, LIGHT_TEXEL, CONTRAST_HERE) = (
    np.uintp(k * LINE) for k in range(14)
)
ROW_SIZE = 14 * LINE
TEXELS, WRAP = float(SIDE), SIDE - 1
ABROAD_M = 512.0  # added to coordinates, so that they are positive before they become whole
FADES_M = 4.0  # half of a texture's contrast is left at this distance: beyond it texels are smaller than pixels
BACKGROUND_TEXELS = 80.0  # for a diamond angle, or a slope, of 1


def row_time(look, v, height):
    """When a row is exposed, s after the middle of the frame."""
    return look.readout_s * ((np.float32(v) + 0.5) / np.float32(height) - 0.5)


def turned_camera(look, yaw, pitch):
    """Axes of a camera in the car's frame, nine numbers: ahead of the lens, to its left, above it; yaw * pitch * roll."""
    sin_p, cos_p, sin_y, cos_y = math.sin(pitch), math.cos(pitch), math.sin(yaw), math.cos(yaw)
    sin_r, cos_r = math.sin(look.roll_rad), math.cos(look.roll_rad)
    return (
        cos_y * cos_p, sin_y * cos_p, -sin_p,
        cos_y * sin_p * sin_r - sin_y * cos_r, sin_y * sin_p * sin_r + cos_y * cos_r, cos_p * sin_r,
        cos_y * sin_p * cos_r + sin_y * sin_r, sin_y * sin_p * cos_r - cos_y * sin_r, cos_p * cos_r,
    )  # fmt: skip


def direction(axes, right, down):
    """Where a ray of the lens looks, in the car's frame, scaled as `sim.camera.march` says, and its bearing."""
    x = axes[0] - right * axes[3] - down * axes[6]
    y = axes[1] - right * axes[4] - down * axes[7]
    z = axes[2] - right * axes[5] - down * axes[8]
    scale = 1.0 / max(abs(x) + abs(y), 1e-3)
    x, y, z = x * scale, y * scale, z * scale
    behind = 2.0 - y if y > 0.0 else -2.0 - y
    return x, y, z, y if x > 0.0 else behind


def bearings_seen(rays, look, yaw_rate, pitch):
    """The least and the largest bearing of a frame: they are on its border. rays (height, width, 2)."""
    height, width = rays.shape[0], rays.shape[1]
    lowest, highest = 2.0, -2.0
    for v in range(height):
        axes = turned_camera(look, look.yaw_rad + yaw_rate * row_time(look, v, height), pitch)
        step = 1 if v == 0 or v == height - 1 else width - 1
        for u in range(0, width, step):
            _, _, _, bearing = direction(axes, rays[v, u, 0], rays[v, u, 1])
            lowest, highest = min(lowest, bearing), max(highest, bearing)
    return lowest, highest


def texel_at(which, x, y):
    """Where a texel lies in all textures, one after the other; x, y in texels, positive."""
    place = uint32(int32(y) & int32(WRAP)) * uint32(SIDE) + uint32(int32(x) & int32(WRAP))
    return np.float32(int32(uint32(uint32(which) * uint32(SIDE * SIDE)) + uint32(place)))


def meet(row, rays, axes, from_column, from_row, ahead_column, ahead_row, cells_per_m, driven_m, lowest, step,
         nearness, change, closing, shade, along_columns, look):  # fmt: skip
    """Write what the pixels of a row meet. rays (columns, 2) of the lens; axes: of the camera when this row is exposed.

    from_column, from_row: where it is then, in cells; driven_m: how far the car has come since the middle of the frame. `march` tells
    of the other arrays. Lines: SURFACE; REACH, m, and COLUMN, ROW, cells: where; TEXEL, LIGHT_TEXEL: where in all textures;
    CONTRAST_HERE, by grey level of the texture; SHADE, of the surface.
    """
    columns = uintp(rays.shape[0])
    per_step, most = 1.0 / step, np.float32(BEARINGS - 1)
    for u in range(columns):
        x, y, z, bearing = direction(axes, rays[u, 0], rays[u, 1])
        row[FORWARD + u], row[LEFT + u], row[UP + u] = x, y, z
        row[AT + u] = min(most, max(0.0, (bearing - lowest) * per_step))
    if look.wall_height_m > 0.0:
        for u in range(columns):
            at = row[AT + u]
            k = uintp(int(at + 0.5))
            near = nearness[k] + (at - np.float32(int(at + 0.5))) * change[k]
            row[NEAR + u] = near + driven_m * closing[k] * near * near
            row[SHADE + u], row[ALONG_COLUMNS + u] = shade[k], along_columns[k]
    else:
        for u in range(columns):
            row[NEAR + u] = row[SHADE + u] = row[ALONG_COLUMNS + u] = 0.0

    m_per_cell = 1.0 / cells_per_m
    camera_m, top_m, ceiling_m = look.height_m, look.wall_height_m - look.height_m, look.ceiling_m - look.height_m
    floor_from, ceiling_from = (camera_m / look.far_m) ** 2, (ceiling_m / look.far_m) ** 2
    floor_texels, wall_texels = TEXELS / look.floor_texture_m, TEXELS / look.wall_texture_m
    ceiling_texels, light_texels = TEXELS / look.ceiling_texture_m, TEXELS / look.light_m
    floor_texture, wall_texture = look.floor_texture, look.wall_texture
    ceiling_texture, background_texture = look.ceiling_texture, look.background_texture
    floor_contrast, wall_contrast = look.floor_contrast / CONTRAST, look.wall_contrast / CONTRAST
    ceiling_contrast, background_contrast = look.ceiling_contrast / CONTRAST, look.background_contrast / CONTRAST
    stripes_per_m = 1.0 / look.stripe_m if look.stripe_m > 0.0 else 0.0
    begin_x, begin_y = look.texture_x_m + ABROAD_M, look.texture_y_m + ABROAD_M
    for u in range(columns):
        x, y, z, near = row[FORWARD + u], row[LEFT + u], row[UP + u], row[NEAR + u]
        along_column, along_row = x * ahead_column - y * ahead_row, x * ahead_row + y * ahead_column
        below = z < 0.0
        on_wall = (z >= -camera_m * near) & (z < top_m * near)
        on_plane = z * z > (floor_from if below else ceiling_from) * (x * x + y * y)

        to_plane = (-camera_m if below else ceiling_m) / (z if on_plane else 1.0)
        to = 1.0 / (near if on_wall else 1.0) if on_wall else (to_plane if on_plane else 0.0)
        column, line = from_column + to * cells_per_m * along_column, from_row + to * cells_per_m * along_row
        x_m, y_m = column * m_per_cell + begin_x, line * m_per_cell + begin_y
        along_m = x_m if row[ALONG_COLUMNS + u] > 0.5 else y_m
        turned = along_row / (abs(along_column) + abs(along_row))
        turned = (turned if along_column > 0.0 else 2.0 - turned) + ABROAD_M

        odd = int32(along_m * stripes_per_m) & int32(1)
        stripe = np.float32(STRIPE) if odd == int32(1) else np.float32(WALL)
        plane = np.float32(FLOOR) if below else np.float32(CEILING)
        row[SURFACE + u] = stripe if on_wall else (plane if on_plane else np.float32(BACKGROUND))
        row[REACH + u], row[COLUMN + u], row[ROW + u] = to, column, line
        row[SHADE + u] = row[SHADE + u] if on_wall else 1.0
        plane_texels = floor_texels if below else ceiling_texels
        texels = wall_texels if on_wall else (plane_texels if on_plane else BACKGROUND_TEXELS)
        plane_texture = floor_texture if below else ceiling_texture
        which = wall_texture if on_wall else (plane_texture if on_plane else background_texture)
        across = along_m if on_wall else (x_m if on_plane else turned)
        upright = camera_m + to * z + ABROAD_M if on_wall else (y_m if on_plane else z + ABROAD_M)
        row[TEXEL + u] = texel_at(which, across * texels, upright * texels)
        row[LIGHT_TEXEL + u] = texel_at(int32(0), x_m * light_texels, y_m * light_texels)
        plane_contrast = floor_contrast if below else ceiling_contrast
        contrast = wall_contrast if on_wall else (plane_contrast if on_plane else background_contrast)
        row[CONTRAST_HERE + u] = contrast * (FADES_M / (FADES_M + to))
