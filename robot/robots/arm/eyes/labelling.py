"""A person labels a run's episodes: each plays in the terminal, and a key says how it ended. Every key is on disk before the next."""

from pathlib import Path

from rich.console import Group
from rich.text import Text

from robot.perception.kept import fitted
from robot.robots.arm.eyes.kept_pictures import Played
from robot.robots.arm.eyes.labels import Label, load_labels, save_labels
from robot.views.by_keys import END
from robot.views.half_blocks import half_blocks

LABELS: dict[str, Label] = {"s": "success", "f": "failure", "u": "unsure"}
HELP = "s success   f failure   u unsure   b back   space pause, play   q end"
TEXT_LINES = 4
MM = 1000.0


class Labelling:
    """What keys do. at: the episode that plays, len(episodes) after the last; shown: of its pictures; plays: whether it goes on to the
    next. Raises ValueError for a damaged file of labels."""

    def __init__(self, run: Path, episodes: list[Played]) -> None:
        self.run, self.episodes, self.labels = run, episodes, load_labels(run)
        self.ended = False
        self.go(next((at for at, each in enumerate(episodes) if each.episode.number not in self.labels), len(episodes)))

    def go(self, at: int) -> None:
        """To an episode, from its first picture."""
        self.at, self.shown, self.plays = at, 0, at < len(self.episodes)

    def press(self, key: str) -> None:
        """A character; others are passed over. Raises OSError where a label cannot be kept, ValueError where the file was damaged meanwhile."""
        if key == END:
            self.ended = True
        elif key == "b":
            self.go(max(0, self.at - 1))
        elif self.at < len(self.episodes) and key in LABELS:
            self.labels |= load_labels(self.run)  # somebody else may be labelling, too
            self.labels[self.episodes[self.at].episode.number] = LABELS[key]
            save_labels(self.run, self.labels)
            self.go(self.at + 1)
        elif self.at < len(self.episodes) and key == " ":
            over = self.shown == len(self.episodes[self.at].pictures) - 1
            self.shown, self.plays = (0, True) if over else (self.shown, not self.plays)

    def until_next_s(self) -> float | None:
        """How long the picture is shown; None: until a key is pressed."""
        if not self.plays or self.shown == len(self.episodes[self.at].pictures) - 1:
            return None
        taken_s = self.episodes[self.at].taken_s
        return max(0.0, taken_s[self.shown + 1] - taken_s[self.shown])

    def figures(self) -> dict[str, int]:
        """How many episodes were labelled how, and how many are left; a label without an episode counts for nothing."""
        said = [self.labels.get(each.episode.number) for each in self.episodes]
        return {label: said.count(label) for label in LABELS.values()} | {"left": said.count(None)}

    def view(self, columns: int, rows: int) -> Group:
        """For a terminal of this size."""
        counts = "   ".join(f"{count} {name}" for name, count in self.figures().items())
        if self.at == len(self.episodes):
            return Group(Text("that was the last one"), Text(counts), Text(HELP, style="dim"))
        each = self.episodes[self.at]
        episode, label = each.episode, self.labels.get(each.episode.number, "not labelled")
        picture = fitted(each.pictures[self.shown], columns, max(2, 2 * (rows - TEXT_LINES - 1)))
        told = (f"judged {episode.judged} after {episode.took_s:.1f} s: told {MM * episode.deep_m:.1f} mm deep, "
                f"{MM * episode.aside_m:.1f} mm aside")  # fmt: skip
        return Group(
            half_blocks(picture),
            Text(f"episode {episode.number} ({self.at + 1} of {len(self.episodes)}), {each.taken_s[self.shown]:+.2f} s from its end: {label}"),
            Text(told), Text(counts), Text(HELP, style="dim"),
        )  # fmt: skip
