"""Where a drone stays on the mean, and the same policy for which it stays there no more.

A policy without memory has no integral. What pushes the drone for ever, or bends what it feels (its trim, an estimator's bias of
velocity or tilt, a fit that is a little wrong), makes it stay a centimetre or two beside its goal, the same in each flight. In its
own eyes it sees that. What it does there is what it would have to do at the goal; so it is told that it is so far off when it is not.
"""

from typing import Any

import numpy as np

from policies.actor import weight_views

LEVEL = np.zeros(3)


def told_of(weights: np.ndarray, layers: tuple[int, ...], task: Any, lean_m: np.ndarray) -> np.ndarray:
    """Weights that do at the goal what these do at lean_m (3,) off it, in the heading's frame: x forward, y left, z up."""
    changed = weights.copy()
    matrix, bias = weight_views(changed, layers)[0]
    place = task.SPEC.seen["position_error"]
    bias += (task.OBSERVATION_SCALE[place] * lean_m).astype(np.float32) @ matrix[place]
    return changed


def along_heading(errors_m: np.ndarray, attitude: np.ndarray) -> np.ndarray:
    """Errors (n, 3), world, in the frame of the heading that a drone of an attitude (w, x, y, z) has, as the app turns them."""
    w, z = float(attitude[0]), float(attitude[3])
    cosine, sine = (w * w - z * z) / (w * w + z * z), 2.0 * w * z / (w * w + z * z)
    x, y = errors_m[:, 0], errors_m[:, 1]
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, errors_m[:, 2]], 1)
