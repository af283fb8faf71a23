"""What lens and sensor make of an image: blur of turning and of defocus, gain, vignette, noise, eight bits.

Plain functions, compiled in single precision by `sim.camera.render`.
"""

import math

import numpy as np
from numba import int32, uint32, uintp

from sim.lane_random import NORMAL_PER_BYTES, word


def smear(image, moved_px, channels, line):
    """Average every row over `moved_px` columns: what the exposure of a turning car sees.

    image (rows, columns * channels). line, as long as a row and a pixel: sums from the left, between which the window's ends are
    interpolated.
    """
    rows, columns = image.shape[0], image.shape[1] // channels
    half = 0.5 * moved_px
    for v in range(rows):
        for k in range(channels):
            line[k] = 0.0
        for k in range(columns * channels):
            line[channels + k] = line[k] + image[v, k]
        for u in range(columns):
            low = max(0.0, np.float32(u) + 0.5 - half)
            high = min(np.float32(columns), np.float32(u) + 0.5 + half)
            i, j = min(int(low), columns - 1), min(int(high), columns - 1)
            part_i, part_j, per_px = low - np.float32(i), high - np.float32(j), 1.0 / (high - low)
            for c in range(channels):
                at_i, at_j = i * channels + c, j * channels + c
                below = line[at_i] + part_i * (line[at_i + channels] - line[at_i])
                above = line[at_j] + part_j * (line[at_j + channels] - line[at_j])
                image[v, u * channels + c] = (above - below) * per_px


def soften(image, share, channels, line):
    """Let every pixel's neighbours, left, right, above and below, have `share` of it. line: a row and a pixel on either side."""
    rows, length = image.shape
    keep, far = 1.0 - 2.0 * share, uintp(2 * channels)
    near = uintp(channels)
    for v in range(rows):
        for k in range(channels):
            line[k], line[length + channels + k] = image[v, k], image[v, length - channels + k]
        for i in range(uintp(length)):
            line[i + near] = image[v, i]
        for i in range(uintp(length)):
            image[v, i] = keep * line[i + near] + share * (line[i] + line[i + far])
    for i in range(uintp(length)):
        line[i] = image[0, i]
    for v in range(rows):
        below = min(v + 1, rows - 1)
        for i in range(uintp(length)):
            here = image[v, i]
            image[v, i] = keep * here + share * (line[i] + image[below, i])
            line[i] = here


def read_out(image, look, bits, channels, line, out):
    """The frame: out (rows, columns * channels) uint8. bits (uint32, not 0): the state of its random numbers; line: scratch."""
    rows, length = image.shape
    middle_u, middle_v = 0.5 * np.float32(length // channels - 1), 0.5 * np.float32(rows - 1)
    darker = look.gain * look.vignette / (middle_u * middle_u + middle_v * middle_v)
    read_variance, shot_variance, gain = look.read_noise * look.read_noise, look.shot_noise, look.gain
    for i in range(length):
        off_u = np.float32(i // channels) - middle_u
        line[i] = darker * off_u * off_u
    for v in range(rows):
        off_v = np.float32(v) - middle_v
        bright = gain - darker * off_v * off_v
        begin = uint32(v * length)
        for i in range(uintp(length)):
            value = image[v, i] * (bright - line[i])
            w = word(bits, uint32(begin + uint32(i)))
            bytes_02 = uint32(w & uint32(0x00FF00FF)) + uint32(uint32(w >> uint32(8)) & uint32(0x00FF00FF))
            four = uint32(bytes_02 + uint32(bytes_02 >> uint32(16))) & uint32(0x3FF)
            noise = (np.float32(int32(four)) - 510.0) * NORMAL_PER_BYTES
            value += math.sqrt(read_variance + shot_variance * value) * noise
            out[v, i] = np.uint8(int32(min(255.0, max(0.0, value + 0.5))))
