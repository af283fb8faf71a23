"""What lens and sensor make of an image: blur of turning and of defocus, gain, vignette, noise, eight bits.

Plain functions, compiled in single precision by `sim.camera.render`.
"""

import math

import numpy as np
from numba import int32, uint32, uintp

from sim.lane_random import NORMAL_PER_BYTES, word


def padded(image_row, pixels, channels, line):
    """Copy a row into `line`, its first and last pixel repeated `pixels` times before and after it."""
    length, pad = uintp(image_row.size), uintp(pixels * channels)
    for k in range(pixels):
        for c in range(channels):
            line[uintp(k * channels + c)] = image_row[uintp(c)]
            line[pad + length + uintp(k * channels + c)] = image_row[length - uintp(channels - c)]
    for i in range(length):
        line[pad + i] = image_row[i]


def smear(image, moved_px, channels, line):
    """Average every row over `moved_px` columns, more than 1: what the exposure of a turning car sees.

    image (rows, columns * channels); line: scratch, three rows long.
    """
    rows, length = image.shape
    half = min(0.5 * (moved_px - 1.0), np.float32(length // channels - 1))  # on either side of a pixel
    whole = int(half)
    part, share = half - np.float32(whole), 1.0 / (1.0 + 2.0 * half)
    for v in range(rows):
        row = image[v]
        padded(row, whole + 1, channels, line)
        last = uintp((2 * whole + 2) * channels)
        for i in range(uintp(length)):
            row[i] = share * part * (line[i] + line[i + last])
        for k in range(1, 2 * whole + 2):
            tap = uintp(k * channels)
            for i in range(uintp(length)):
                row[i] += share * line[i + tap]


def soften(image, share, channels, line):
    """Let every pixel's neighbours, left, right, above and below, have `share` of it. image, line: as of `smear`."""
    rows, length = image.shape
    keep, near, far = 1.0 - 2.0 * share, uintp(channels), uintp(2 * channels)
    for v in range(rows):
        row = image[v]
        padded(row, 1, channels, line)
        for i in range(uintp(length)):
            row[i] = keep * line[i + near] + share * (line[i] + line[i + far])
    for i in range(uintp(length)):
        line[i] = image[0, i]
    for v in range(rows):
        row, below = image[v], image[min(v + 1, rows - 1)]
        for i in range(uintp(length)):
            here = row[i]
            row[i] = keep * here + share * (line[i] + below[i])
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
