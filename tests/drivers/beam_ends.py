"""Where a lidar's beams end, by the emulated world's own distances: only beams that are dated rightly end on its walls."""

from typing import Any

import numpy as np

from sim.distance_field import distance_at

TICK_S, FIRST_TICKS, LATE_S = 0.02, 10, 0.03


def beam_ends(b: Any, driver: Any, ticks: int) -> tuple[float, float]:
    """How far from the walls the beams of a rolling car end on average, m: with each point's own age, and LATE_S later."""
    poses, errors, late = [], [], []
    for tick in range(ticks):
        poses.append((b.now(), *b.world.moving[:3]))
        b.wait(TICK_S)
        reading = driver.read()
        if tick < FIRST_TICKS:
            continue
        times, x, y, yaw = np.array([*poses, (b.now(), *b.world.moving[:3])]).T
        for angle, distance, age in zip(reading.angle_rad, reading.distance_m, reading.age_s, strict=True):
            for when, into in ((b.now() - age, errors), (b.now() + LATE_S - age, late)):
                px, py, pyaw = (np.interp(when, times, column) for column in (x, y, yaw))
                beam = pyaw + angle
                if distance > 0.0:
                    into.append(distance_at(b.world.distance_m, b.world.frame, px + distance * np.cos(beam),
                                            py + distance * np.sin(beam)))  # fmt: skip
    return float(np.abs(errors).mean()), float(np.abs(late).mean())
