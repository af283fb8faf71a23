"""`robot label`: a person says how a run's episodes ended."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from robot.cli.extras import require
from robot.cli.output import finish, parse
from robot.views.say import say


@dataclass(frozen=True)
class LabelConfig:
    """Label the episodes of a run of an arm with a camera on its hand, which has kept its pictures (`--frames lossless` or `lossy`): each plays
    in the terminal, and a key says whether the peg was in at its end. Every label is kept at once in RUN/labels.json; the next time
    it goes on with the first episode that has none. `robot train --task peg_insert --eyes --success-from RUN` learns from them.

    Keys: s success, f failure, u unsure, b back, space pause and play, q end.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """The run's folder."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(LabelConfig, "label", arguments)
    require("cv2")
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()):
        raise ValueError(
            "found no terminal on the standard input and error, allowed: one, in which episodes play and keys are pressed"
        )
    from policies.array_file import try_writing
    from robot.robots.arm.eyes.kept_pictures import played
    from robot.robots.arm.eyes.labelling import Labelling, label_by_keys
    from robot.robots.arm.eyes.labels import LABELS_FILE
    from robot.robots.arm.eyes.seen_episodes import seen_episodes

    labelling = Labelling(config.run, played(config.run, seen_episodes(config.run)))
    if not labelling.episodes:
        raise ValueError(f"{config.run}: found no episode that came to its end in pictures, allowed: one at least")
    try_writing(config.run)
    label_by_keys(labelling, sys.stdin.fileno(), Console(stderr=True, highlight=False))
    figures = labelling.figures()
    say("   ".join(f"{count} {name}" for name, count in figures.items()))
    say(f"learn from them   robot train --task peg_insert --eyes --success-from {config.run}")
    finish({"labels": str(config.run / LABELS_FILE)} | figures, as_json)
    return 0
