"""Something that plays in the terminal while keys are pressed."""

from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live

from robot.views.keys import Keys

END = "q"


class Playing(Protocol):
    """ended: nothing more is to be shown. shown: number of the picture that is."""

    ended: bool
    shown: int

    def view(self, columns: int, rows: int) -> RenderableType:
        """For a terminal of this size."""
        ...

    def until_next_s(self) -> float | None:
        """How long the picture is shown; None: until a key is pressed."""
        ...

    def press(self, key: str) -> None:
        """A character; END ends it."""
        ...


def play_by_keys(playing: Playing, fd: int, console: Console) -> None:
    """Until it is ended, or the terminal hangs up. fd: whose keys. Raises ValueError without a terminal."""
    with Keys(fd) as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while not playing.ended:
            live.update(playing.view(console.width, console.height), refresh=True)
            key = keys.read(playing.until_next_s())
            if key is None:
                playing.shown += 1
            else:
                playing.press(key or END)
