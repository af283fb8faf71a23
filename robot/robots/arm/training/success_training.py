"""`robot train --task peg_insert --success-from ...`: fit a classifier of success, judge it, and keep it in a run's folder."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from policies.array_file import try_writing
from robot.robots.arm.eyes.seeing_arm import BY_CAMERA
from robot.robots.arm.success import write_classifier
from robot.robots.arm.training.labelled import of_run, simulated
from robot.robots.arm.training.success_fit import fit
from robot.runtime.run_folder import NEWEST_FILE, new_run_folder

SIMULATED = "simulated"
FILE = "success.npz"


def train_success(told_from: str, seed: int, root: Path = Path("runs"), eyes: bool = False) -> dict[str, Any]:
    """Figures: of episodes that it was not fitted to. eyes: of pictures, not of servo readings. Raises ValueError for a run that cannot be learned
    from, OSError, before the work, where nothing can be written."""
    begin_s = time.perf_counter()
    task = BY_CAMERA if eyes else "peg_insert"
    try_writing(root / task)
    if eyes:
        from robot.robots.arm.eyes.encoder_file import SHIPPED_SEEING_POLICY, encoder_beside
        from robot.robots.arm.eyes.frame_classifier_file import write_frame_classifier
        from robot.robots.arm.eyes.frame_success import features
        from robot.robots.arm.eyes.labelled_frames import simulated_frames
        from robot.robots.arm.eyes.labelled_run import MISSED, of_labelled_run

        if told_from == SIMULATED:
            encoder = encoder_beside(SHIPPED_SEEING_POLICY)
            weights, judged = fit(simulated_frames(seed, encoder), seed, features)
        else:
            told = of_labelled_run(Path(told_from))
            encoder = encoder_beside(Path(told_from) / NEWEST_FILE)
            weights, judged = fit(told, seed, features, MISSED)
        folder = new_run_folder(root, task, "success")
        write_frame_classifier(folder / FILE, weights, encoder)
    else:
        weights, judged = fit(simulated(seed) if told_from == SIMULATED else of_run(Path(told_from)), seed)
        folder = new_run_folder(root, task, "success")
        write_classifier(folder / FILE, weights)
    own = {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(judged).items()}
    return own | {"run": str(folder), "file": str(folder / FILE), "wall_s": round(time.perf_counter() - begin_s, 1)}


def lines(figures: dict[str, Any], eyes: bool) -> list[str]:
    """For a person."""
    robot = "--robot virtual-camera-arm " if eyes else ""
    return [
        f"of {figures['episodes']} episodes that it was not fitted to ({figures['moments']} moments):",
        f"  false positives   {100.0 * figures['false_positive_rate']:.3f} % of the moments, in {100.0 * figures['false_episodes']:.2f} % of the episodes",
        f"  found             {100.0 * figures['found']:.1f} % of the episodes in which the peg came in",
        f"use it   robot practice --task peg_insert {robot}--success {figures['file']}",
    ]
