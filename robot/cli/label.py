"""`robot label`: a person says how a run's episodes ended, or which of its clips are better."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from robot.cli.extras import require
from robot.cli.output import finish, parse
from robot.views.say import say

REWARD = "robot.practice.preferences.preferred:pay"


@dataclass(frozen=True)
class LabelConfig:
    """Label the episodes of a run of an arm with a camera on its hand, which has kept its pictures (`--frames lossless` or `lossy`): each plays
    in the terminal, and a key says whether the peg was in at its end. Every label is kept at once in RUN/labels.json; the next time
    it goes on with the first episode that has none. `robot train --task peg_insert --eyes --success-from RUN` learns from them.

    Keys: s success, f failure, u unsure, b back, space pause and play, q end.

    With --pairs, of a run of any robot with a camera: two clips of a second play beside each other, and a key says which is better: l left, r right, s the
    same. Kept at once in RUN/preferences.json. At the end, from some fifty pairs on, a reward is fitted to them, judged by pairs that it was not fitted
    to, and kept in RUN/reward.npz for `robot practice --reward`.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """The run's folder."""
    pairs: bool = False
    """Say which of two clips is better, instead of how episodes ended."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(LabelConfig, "label", arguments)
    require("cv2")
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()):
        raise ValueError(
            "found no terminal on the standard input and error, allowed: one, in which episodes play and keys are pressed"
        )
    finish(choose(config.run) if config.pairs else label(config.run), as_json)
    return 0


def label(run: Path) -> dict[str, Any]:
    """Let somebody say how episodes ended: figures."""
    from policies.array_file import try_writing
    from robot.robots.arm.eyes.kept_pictures import played
    from robot.robots.arm.eyes.labelling import Labelling
    from robot.robots.arm.eyes.labels import LABELS_FILE
    from robot.robots.arm.eyes.seen_episodes import seen_episodes
    from robot.views.by_keys import play_by_keys

    labelling = Labelling(run, played(run, seen_episodes(run)))
    if not labelling.episodes:
        raise ValueError(f"{run}: found no episode that came to its end in pictures, allowed: one at least")
    try_writing(run)
    play_by_keys(labelling, sys.stdin.fileno(), terminal())
    figures = labelling.figures()
    say("   ".join(f"{count} {name}" for name, count in figures.items()))
    say(f"learn from them   robot train --task peg_insert --eyes --success-from {run}")
    return {"labels": str(run / LABELS_FILE)} | figures


def choose(run: Path) -> dict[str, Any]:
    """Let somebody say which clips are better, and fit a reward to that: figures."""
    from policies.array_file import try_writing
    from policies.replay import load_folder
    from robot.practice.preferences.bradley_terry import REWARD_FILE, TooFew, fit, save_preferred
    from robot.practice.preferences.choosing import Choosing
    from robot.practice.preferences.clip_pictures import pictures_of
    from robot.practice.preferences.clips import clip_count, draw_pairs
    from robot.practice.preferences.preferences_file import PREFERENCES_FILE
    from robot.runtime.run_folder import read_config
    from robot.tasks import find_task
    from robot.views.by_keys import play_by_keys

    task = str(read_config(run).get("task", ""))
    transitions = load_folder(run / "replay")
    pairs = draw_pairs(run, transitions, clip_count(find_task(task).decision_s))
    choosing = Choosing(run, pairs, pictures_of(run, {clip for pair in pairs for clip in (pair.left, pair.right)}))
    if not choosing.pairs:
        raise ValueError(f"{run}: found no pair of clips in pictures, allowed: one at least")
    try_writing(run)
    play_by_keys(choosing, sys.stdin.fileno(), terminal())
    figures: dict[str, Any] = {"preferences": str(run / PREFERENCES_FILE)} | choosing.figures()
    try:
        preferred, judged = fit(transitions, choosing.preferences)
    except TooFew as error:
        say(f"no reward yet   {error}")
        return figures | {"reward": None}
    save_preferred(run / REWARD_FILE, preferred)
    say(
        f"of {judged.held_out} pairs that it was not fitted to, {100.0 * judged.accuracy:.0f} % are ordered as they were preferred; fitted to {judged.pairs}"
    )
    say(f"practise by it   robot practice --task {task} ... --reward {REWARD}:{run / REWARD_FILE}")
    return figures | {"reward": f"{REWARD}:{run / REWARD_FILE}"} | asdict(judged)


def terminal() -> Console:
    return Console(stderr=True, highlight=False)
