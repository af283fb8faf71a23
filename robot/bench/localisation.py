"""How well, and how fast, the estimator knows where the car is, on the built-in tracks; errors against the simulator."""

from typing import Any

import numpy as np

from robot.robots.car.estimation.evaluate import kidnapping, localisation_error
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import BUILT_IN, built_in

SEED = 1
WORST = ("position_rms_m", "position_p99_m", "position_max_m", "heading_rms_deg", "heading_p99_deg", "v_y_rms_m_s")
SUMMED = ("noticed", "found", "found_wrong", "found_none")


def run() -> dict[str, Any]:
    """Two fast laps and ten kidnappings on each track: the worst track's errors, and what became of the kidnapped."""
    drives, kidnaps = [], []
    for name in BUILT_IN:
        course = built_in(name)
        grid = rasterise(course)
        drives.append(localisation_error(course, grid, SEED, laps=2))
        kidnaps.append(kidnapping(course, grid, SEED))
    figures: dict[str, Any] = {name: round(max(drive[name] for drive in drives), 4) for name in WORST}
    figures["lost_ticks"] = sum(drive["lost_ticks"] for drive in drives)
    figures["tick_p50_us"] = round(float(np.median([drive["tick_p50_us"] for drive in drives])), 1)
    figures |= {name: sum(kidnap[name] for kidnap in kidnaps) for name in SUMMED}
    figures["noticed_s_max"] = round(max(kidnap["noticed_s_max"] for kidnap in kidnaps), 3)
    figures["search_s_max"] = round(max(kidnap["search_s_max"] for kidnap in kidnaps), 3)
    return figures
