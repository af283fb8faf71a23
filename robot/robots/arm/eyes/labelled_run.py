"""Pictures of a run whose episodes a person has labelled (`robot label`): what a classifier of frames is fitted to, calibrated with and judged by.

A person says how an episode ended, and its end says when: a success of the judge's ended with the peg in. Well before that it was not, nor where its
end was further from where it ended than a hole is deep: of that the servos tell, not the pictures.
"""

from pathlib import Path

import numpy as np

from robot.robots.arm.eyes.labels import LABELS_FILE, Label, load_labels
from robot.robots.arm.eyes.seen_episodes import SeenEpisode, seen_episodes
from robot.robots.arm.training.labelled import Labelled
from robot.runtime.episodes import Outcome

IN_S = (0.0, 0.1)  # after the end of a success: until the arm begins to draw its peg out
OUT_S = 1.5  # before it, at least: a peg goes in by and by, and nobody says when
OUT_M = 0.02  # or so far, at least, from where it ended
MISSED = 0.1  # share of successes that the threshold is raised to miss: it is asked again at once, but what it wrongly pays is learned
NEEDED = 20  # episodes that show a peg in, and such that show it out


def of_labelled_run(folder: Path) -> Labelled:
    """Embeddings in the place of observations. Raises ValueError for a run without labels, or with too few."""
    labels = load_labels(folder)
    if not labels:
        raise ValueError(f"--success-from: found {folder} without {LABELS_FILE}, allowed with --eyes: simulated, or a run whose "
                         f"episodes were labelled: robot label {folder}")  # fmt: skip
    episodes = [each for each in seen_episodes(folder) if each.number in labels]
    within = [shows(each, labels[each.number]) for each in episodes]
    shown_in, shown_out = (sum(bool((each == kind).any()) for each in within) for kind in (1, 0))
    if min(shown_in, shown_out) < NEEDED:
        raise ValueError(
            f"--success-from: found {folder} with {shown_in} labelled episodes that show the peg in and {shown_out} that show it out (failures, "
            f"and successes until shortly before their end), allowed: {NEEDED} of each at least; robot label {folder} goes on"
        )
    known = [each >= 0 for each in within]
    return Labelled(
        np.concatenate([each.embeddings[some] for each, some in zip(episodes, known, strict=True)]),
        np.concatenate([each[some] == 1 for each, some in zip(within, known, strict=True)]),
        np.concatenate([np.full(some.sum(), each.number) for each, some in zip(episodes, known, strict=True)]),
    )


def shows(episode: SeenEpisode, label: Label) -> np.ndarray:
    """Of each of its pictures (n,): 1 with the peg in, 0 without, -1 where nobody knows."""
    told = np.full(len(episode.taken_s), -1)
    if label == "failure":
        told[:] = 0
    elif label == "success":
        told[(episode.taken_s < 0.0) & (episode.away_m > OUT_M)] = 0
        told[(episode.taken_s >= IN_S[0]) & (episode.taken_s <= IN_S[1])] = 1
        if episode.judged == Outcome.SUCCESS.word:  # else it went in when nobody noticed
            told[episode.taken_s < -OUT_S] = 0
    return told
