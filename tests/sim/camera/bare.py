"""Looks without what blurs or hides geometry: every surface has one grey level."""

from dataclasses import replace

import numpy as np

from sim.camera.lens import Lens
from sim.camera.looks import BACKGROUND, CEILING, FLOOR, OUTSIDE, STRIPE, TAPE, WALL, Looks, draw_looks

GREYS = {FLOOR: 40, OUTSIDE: 70, TAPE: 220, WALL: 130, STRIPE: 160, CEILING: 190, BACKGROUND: 10}


def bare_look(lens: Lens, **values: float) -> Looks:
    """One grey look through a lens: no light, texture, noise, blur or movement of its own; `values` by name."""
    drawn = draw_looks(1, 0, lens.width, lens.height, colour=False)
    for name in drawn.values.dtype.names or ():
        if any(part in name for part in ("contrast", "noise", "tape", "stripe", "_rad", "_s", "vignette", "defocus")):
            drawn.values[name] = 0
    drawn.values["gain"] = 1.0
    drawn.values["focal_px"] = lens.focal_x_px
    for name, value in values.items():
        drawn.values[name] = value
    colours = np.array([[[GREYS[surface]] for surface in sorted(GREYS)]], np.float32)
    return replace(drawn, colours=colours, rays=lens.rays()[None], lenses=(lens,))
