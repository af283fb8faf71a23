"""Cameras on hands that hold a peg over a board with a hole, or reach for a block on a table: a batch of grey frames, by one pass over it (Numba)."""

import math
from typing import Any

import numpy as np
from numba import njit, uint32

from sim.arm.around_block import HALF_M
from sim.camera import board, cube, expose
from sim.camera.board import board_pixel
from sim.camera.cube import cube_pixel
from sim.camera.expose import read_out, smear, soften
from sim.camera.textures import textures
from sim.camera.wrist_looks import OPENINGS, WristLooks, opening
from sim.lane_random import word
from sim.single_precision import CPU, OPTIONS, specialise

HIDES_M = 0.0015  # over so much depth the peg vanishes in the hole
surface_pixel = board_pixel


def _frames(
    out, pose, motion, place, frame, half_m, below_m, look_of, hand_of, looks, at_m, axes, rays, hands, all_texels, bits
):
    """Render a frame for each of n cameras; see `WristCameras.render`. bits: a uint32, not 0, of which noise is drawn."""
    n, rows, columns, _ = out.shape
    image, depth = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.float32)
    line = np.empty(3 * columns, np.float32)
    hand, to_hole, turned = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3), np.float32)
    at = np.empty(3, np.float32)
    for n_th in range(n):
        k, h = look_of[n_th], hand_of[n_th]
        look = looks[k]
        approach, across = pose[n_th, 3:6], pose[n_th, 6:9]
        for i in range(3):
            hand[i, 1], hand[i, 2] = across[i], -approach[i]
        for i in range(3):  # y x z
            one, two = (i + 1) % 3, (i + 2) % 3
            hand[i, 0] = hand[one, 1] * hand[two, 2] - hand[two, 1] * hand[one, 2]
        for i in range(3):
            where = 0.0
            for j in range(3):
                here = pose[n_th, j] - place[n_th, j]
                to_hole[i, j] = 0.0
                for m in range(3):
                    here += hand[j, m] * at_m[k, m]
                    to_hole[i, j] += frame[n_th, m, i] * hand[m, j]
                where += frame[n_th, j, i] * here
            at[i] = np.float32(where)
        for i in range(3):
            for j in range(3):
                sum_ = 0.0
                for m in range(3):
                    sum_ += to_hole[i, m] * axes[k, m, j]
                turned[i, j] = np.float32(sum_)
        # The light on the surface, and on the table, which lies level
        length = math.sqrt(1.0 + look.light_x * look.light_x + look.light_y * look.light_y)
        up_x, up_y, up_z = np.float32(frame[n_th, 2, 0]), np.float32(frame[n_th, 2, 1]), np.float32(frame[n_th, 2, 2])
        facing = look.light_x * np.float32(frame[n_th, 0, 2]) + look.light_y * np.float32(frame[n_th, 1, 2]) + up_z
        light = (
            look.ambient + (1.0 - look.ambient) * max(0.0, facing) / length,
            look.ambient + (1.0 - look.ambient) / length,
            (look.light_x * np.float32(frame[n_th, 0, 0]) + look.light_y * np.float32(frame[n_th, 1, 0]) + up_x)
            / length,
            (look.light_x * np.float32(frame[n_th, 0, 1]) + look.light_y * np.float32(frame[n_th, 1, 1]) + up_y)
            / length,
            facing / length,
        )
        table = (up_x, up_y, up_z, np.float32(below_m[n_th]))
        steps = (turned[0, 0] / look.focal_px, turned[1, 0] / look.focal_px, turned[2, 0] / look.focal_px,
                 turned[0, 1] / look.focal_px, turned[1, 1] / look.focal_px, turned[2, 1] / look.focal_px)  # fmt: skip
        begins, half = (at[0], at[1], at[2]), np.float32(half_m[n_th])
        for v in range(rows):
            for u in range(columns):
                x, y = rays[k, v, u, 0], rays[k, v, u, 1]
                ray = (
                    turned[0, 0] * x + turned[0, 1] * y + turned[0, 2],
                    turned[1, 0] * x + turned[1, 1] * y + turned[1, 2],
                    turned[2, 0] * x + turned[2, 1] * y + turned[2, 2],
                )
                image[v, u], depth[v, u] = surface_pixel(begins, ray, steps, half, light, table, look, all_texels)
        sideways = 0.0
        for i in range(3):
            for m in range(3):
                sideways += motion[n_th, i] * hand[i, m] * axes[k, m, 0]
        moved_px = np.float32(abs(sideways)) * look.exposure_s * look.focal_px / max(at[2], 0.05)
        if moved_px > 1.0:
            smear(image, moved_px, 1, line)
        for v in range(rows):
            for u in range(columns):
                behind = min(1.0, max(0.0, 0.5 + (depth[v, u] - hands[h, 2, v, u]) / HIDES_M))
                share = hands[h, 0, v, u] * behind
                image[v, u] += share * (hands[h, 1, v, u] - image[v, u])
        if look.defocus > 0.0:
            soften(image, look.defocus, 1, line)
        read_out(image, look, word(bits, uint32(n_th)), 1, line, out[n_th].reshape(rows, columns))


render_wrists = njit(cache=True, **OPTIONS)(specialise(_frames, CPU, (board, expose)))
render_blocks = njit(cache=True, **OPTIONS)(specialise(_frames, CPU, (board, cube, expose), surface_pixel=cube_pixel))


class WristCameras:
    """Frames for any number of hands. Same seed and same calls: same bytes."""

    def __init__(self, looks: WristLooks, seed: int) -> None:
        self.looks = looks
        self._texels = textures(seed).reshape(-1)
        self._random = np.random.default_rng([seed, 0x3E4E])

    def render(self, out: np.ndarray, pose: np.ndarray, motion: np.ndarray, place: np.ndarray, frame: np.ndarray,
               half_m: np.ndarray, look: np.ndarray) -> np.ndarray:  # fmt: skip
        """Write and return out (n, height, width, 1) uint8, grey.

        pose (n, 9): of the ends of what hands hold, as `sim.arm.kinematics` has them; motion (n, 3): their velocity, m/s. place (n, 3), m, frame
        (n, 3, 3): of the holes, columns x, y, z. All in the base's frame, z upwards. half_m (n,): half of the holes' width. look (n,): which.
        Raises ValueError for arrays that do not fit each other, and for looks that are not there.
        """
        self._check(out, look, pose=pose, motion=motion, place=place, frame=frame, half_m=half_m)
        below_m = self.looks.values["table_below_m"][look]
        return self._render(render_wrists, out, pose, motion, place, frame, half_m, below_m, look, look)

    def _check(self, out: np.ndarray, look: np.ndarray, **arrays: np.ndarray) -> None:
        """Raises ValueError. arrays: of n each, by their names."""
        n = len(arrays["pose"])
        of_each = {"pose": (9,), "motion": (3,), "place": (3,), "frame": (3, 3)}
        shapes = {name: (n, *of_each.get(name, ())) for name in (*arrays, "look")} | {
            "out": (n, *self.looks.frame_shape)
        }
        for name, array in (arrays | {"out": out, "look": look}).items():
            if array.shape != shapes[name]:
                raise ValueError(f"{name}: found an array {array.shape}, allowed: {shapes[name]}")
        if n and not (look.min() >= 0 and look.max() < len(self.looks)):
            raise ValueError(f"look: found {look.min()} to {look.max()}, allowed: 0 to {len(self.looks) - 1}")

    def _render(self, kernel: Any, out: np.ndarray, pose: np.ndarray, motion: np.ndarray, place: np.ndarray, frame: np.ndarray,
                half_m: np.ndarray, below_m: np.ndarray, look: np.ndarray, hand: np.ndarray) -> np.ndarray:  # fmt: skip
        looks, bits = self.looks, np.uint32(self._random.integers(1, 2**32))
        as_double = [np.ascontiguousarray(each, np.float64) for each in (pose, motion, place, frame, half_m, below_m)]
        kernel(out, *as_double, np.asarray(look, np.int64), np.asarray(hand, np.int64), looks.values, looks.at_m, looks.axes, looks.rays,
               looks.hands, self._texels, bits)  # fmt: skip
        return out


class BlockCameras(WristCameras):
    """The same cameras on hands that reach for a block. looks: of `draw_block_looks`."""

    def render_block(self, out: np.ndarray, pose: np.ndarray, motion: np.ndarray, place: np.ndarray, frame: np.ndarray,
                     below_m: np.ndarray, jaw_rad: np.ndarray, look: np.ndarray) -> np.ndarray:  # fmt: skip
        """Write and return out, as `render`. pose: of where the end of a peg in these hands would be (`sim.arm.around_block.peg_end`). place, frame: of
        the middles of blocks; below_m (n,): how far below these the table is; jaw_rad (n,): angles of the jaws. Raises ValueError, as `render`."""
        self._check(out, look, pose=pose, motion=motion, place=place, frame=frame, below_m=below_m, jaw_rad=jaw_rad)
        hand, half_m = OPENINGS * look + opening(jaw_rad), np.full(len(pose), HALF_M)
        return self._render(render_blocks, out, pose, motion, place, frame, half_m, below_m, look, hand)
