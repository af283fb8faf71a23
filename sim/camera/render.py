"""One pass over a batch of frames: where pixels look, where walls are, colours, lens and sensor (Numba)."""

import math

import numpy as np
from numba import njit, uint32

from sim.camera import expose, march, meet, paint
from sim.camera.expose import read_out, smear, soften
from sim.camera.march import BEARINGS
from sim.camera.meet import ROW_SIZE, bearings_seen, row_time, turned_camera
from sim.camera.worlds import FIRST, HEIGHT, WIDTH
from sim.distance_field import to_cells
from sim.lane_random import word
from sim.single_precision import CPU, OPTIONS, specialise

find_walls, meet_row, paint_row = march.march, meet.meet, paint.paint
LAST = float(BEARINGS - 1)


def _frames(out, pose, motion, world_of, look_of, distance_mm, shapes, frames, looks, colours, rays, textures, bits):
    """Render a frame for each of n cameras.

    out (n, rows, columns, channels) uint8, written. pose (n, 3) float64: x, y (m), yaw (rad) of the cars in their maps' frames, in
    the middle of the exposure. motion (n, 3) float32: speed (m/s), yaw rate (rad/s), acceleration (m/s^2). world_of, look_of
    (n,) int64. distance_mm, shapes, frames: of `Worlds`. looks, colours, rays: of `Looks`. bits: a uint32, not 0, of which the noise
    is drawn.
    """
    n, rows, columns, channels = out.shape
    image, all_texels = np.empty((rows, columns * channels), np.float32), textures.reshape(-1)
    row_seen, line = np.empty(ROW_SIZE, np.float32), np.empty(3 * columns * channels, np.float32)
    nearness, change = np.zeros(BEARINGS, np.float32), np.zeros(BEARINGS, np.float32)
    closing, shade = np.zeros(BEARINGS, np.float32), np.zeros(BEARINGS, np.float32)
    along_columns = np.zeros(BEARINGS, np.float32)
    for n_th in range(n):
        look, world = looks[look_of[n_th]], world_of[n_th]
        first, height, width = shapes[world, FIRST], shapes[world, HEIGHT], shapes[world, WIDTH]
        cells_per_m = np.float32(frames[world, 4])
        cos_yaw, sin_yaw = math.cos(np.float32(pose[n_th, 2])), math.sin(np.float32(pose[n_th, 2]))
        cos_map, sin_map = np.float32(frames[world, 2]), np.float32(frames[world, 3])
        ahead_column = cos_yaw * cos_map + sin_yaw * sin_map
        ahead_row = sin_yaw * cos_map - cos_yaw * sin_map
        car_column, car_row = to_cells(frames[world], pose[n_th, 0], pose[n_th, 1])
        mount = look.forward_m * cells_per_m
        column = np.float32(car_column) + mount * ahead_column
        row = np.float32(car_row) + mount * ahead_row
        speed, yaw_rate, acceleration = motion[n_th, 0], motion[n_th, 1], motion[n_th, 2]

        pitch = look.pitch_rad - look.dive_rad_per_m_s2 * acceleration
        lowest, highest = bearings_seen(rays[look_of[n_th]], look, yaw_rate, pitch)
        step = max(highest - lowest, 1e-3) / LAST
        if look.wall_height_m > 0.0:
            find_walls(distance_mm, first, height, width, column, row, ahead_column, ahead_row, cells_per_m, look.far_m,
                       lowest, step, nearness, change, closing, shade, along_columns)  # fmt: skip
        for v in range(rows):
            late_s = row_time(look, v, rows)
            axes = turned_camera(look, look.yaw_rad + yaw_rate * late_s, pitch)
            cells = speed * late_s * cells_per_m
            meet_row(row_seen, rays[look_of[n_th], v], axes, column + cells * ahead_column, row + cells * ahead_row,
                     ahead_column, ahead_row, cells_per_m, speed * late_s, lowest, step, nearness, change, closing, shade,
                     along_columns, look)  # fmt: skip
            paint_row(image[v], row_seen, channels, (distance_mm, first, height, width), ahead_column, ahead_row, look,
                      colours[look_of[n_th]], all_texels)  # fmt: skip
        moved_px = abs(yaw_rate) * look.exposure_s * look.focal_px
        if moved_px > 1.0:
            smear(image, moved_px, channels, line)
        if look.defocus > 0.0:
            soften(image, look.defocus, channels, line)
        read_out(image, look, word(bits, uint32(n_th)), channels, line, out[n_th].reshape(rows, columns * channels))


render_frames = njit(cache=True, **OPTIONS)(specialise(_frames, CPU, (march, meet, paint, expose)))
