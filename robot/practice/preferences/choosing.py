"""A person says which of two clips is better: both play beside each other, again and again, and every key is on disk before the next."""

from pathlib import Path

import numpy as np
from rich.console import Group
from rich.text import Text

from robot.perception.kept import fitted
from robot.practice.preferences.clip_pictures import Seen
from robot.practice.preferences.clips import CLIP_S, Clip, Pair
from robot.practice.preferences.preferences_file import Better, load_preferences, save_preferences
from robot.views.by_keys import END
from robot.views.half_blocks import half_blocks

KEYS: dict[str, Better] = {"l": "left", "r": "right", "s": "same"}
HELP = "l left is better   r right is better   s the same   b back   q end"
PACE_S = 0.1  # of pictures
LAST_S = 0.5  # for which the last one stays
TEXT_LINES = 3
GAP = 2  # columns between the clips


class Choosing:
    """What keys do. pairs: those of which pictures are known, `seen`. at: the pair that plays, len(pairs) after the last. Raises ValueError for a
    damaged file of preferences."""

    def __init__(self, run: Path, pairs: list[Pair], seen: dict[Clip, Seen]) -> None:
        self.run, self.seen, self.preferences = run, seen, load_preferences(run)
        self.pairs = [pair for pair in pairs if pair.left in seen and pair.right in seen]
        self.ended = False
        self.go(next((at for at, pair in enumerate(self.pairs) if pair not in self.preferences), len(self.pairs)))

    def go(self, at: int) -> None:
        """To a pair, from its beginning."""
        self.at, self.shown = at, 0

    def press(self, key: str) -> None:
        """A character; others are passed over. Raises OSError where an answer cannot be kept, ValueError where the file was damaged meanwhile."""
        if key == END:
            self.ended = True
        elif key == "b":
            self.go(max(0, self.at - 1))
        elif self.at < len(self.pairs) and key in KEYS:
            self.preferences |= load_preferences(self.run)  # somebody else may be choosing, too
            self.preferences[self.pairs[self.at]] = KEYS[key]
            save_preferences(self.run, self.preferences)
            self.go(self.at + 1)

    @property
    def moment(self) -> int:
        """Which moment of the clips is shown; they begin again after their last."""
        return self.shown % (round(CLIP_S / PACE_S) + 1)

    def until_next_s(self) -> float | None:
        if self.at == len(self.pairs):
            return None
        return LAST_S if self.moment == round(CLIP_S / PACE_S) else PACE_S

    def figures(self) -> dict[str, int]:
        """How often which was better, and how many pairs are left."""
        said = list(self.preferences.values())
        left = sum(pair not in self.preferences for pair in self.pairs)
        return {better: said.count(better) for better in KEYS.values()} | {"to_go": left}

    def view(self, columns: int, rows: int) -> Group:
        """For a terminal of this size."""
        figures = self.figures()
        counts = (f"{figures['left']} left, {figures['right']} right, {figures['same']} the same; {figures['to_go']} to go")  # fmt: skip
        if self.at == len(self.pairs):
            return Group(Text("that was the last pair"), Text(counts), Text(HELP, style="dim"))
        pair = self.pairs[self.at]
        both = [
            fitted(self.picture(clip), (columns - GAP) // 2, max(2, 2 * (rows - TEXT_LINES - 1)))
            for clip in (pair.left, pair.right)
        ]
        said = self.preferences.get(pair, "not said")
        return Group(
            half_blocks(beside(*both)), Text(f"pair {self.at + 1} of {len(self.pairs)}: {said}"), Text(counts), Text(HELP, style="dim"),
        )  # fmt: skip

    def picture(self, clip: Clip) -> np.ndarray:
        """The newest one at the moment that is shown."""
        seen = self.seen[clip]
        return seen.pictures[max(0, int(np.searchsorted(seen.at_s, PACE_S * self.moment, side="right")) - 1)]


def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two grey pictures in one, with black between them and below the lower one."""
    whole = np.zeros((max(len(left), len(right)), left.shape[1] + GAP + right.shape[1]), np.uint8)
    whole[: len(left), : left.shape[1]] = left
    whole[: len(right), left.shape[1] + GAP :] = right
    return whole
