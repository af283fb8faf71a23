"""A set-up in a terminal: what to do, what is going on, what was found."""

import sys

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from robot.commissioning.steps import Found, SetupError, Step

COLUMNS = (TextColumn("  {task.description:<48}"), BarColumn(30), TimeElapsedColumn())


class Terminal:
    """A person at a terminal. asks: False: what is asked for counts as done. Everything goes to standard error."""

    def __init__(self, asks: bool, steps: int) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.asks, self.steps, self._step = asks, steps, 0
        self._bar: Progress | None = None

    def begin(self, step: Step) -> None:
        self._step += 1
        self.console.print(f"[bold]{self._step} of {self.steps}[/bold]  {step.title}")

    def do(self, request: str) -> None:
        """Raises SetupError where nobody is there to answer."""
        self.console.print(Panel(request, expand=False, border_style="yellow"))
        if not self.asks:
            return
        self.console.print("  Press Enter when it is done.", end=" ")
        if not sys.stdin.readline():
            raise SetupError("nobody answers on the standard input: start it in a terminal, or with --yes")

    def tell(self, share: float, text: str) -> None:
        if self._bar is None:
            self._bar = Progress(*COLUMNS, console=self.console, transient=True)
            self._bar.start()
            self._bar.add_task("", total=1.0)
        self._bar.update(self._bar.task_ids[0], completed=share, description=text)

    def close(self) -> None:
        """Give the line back that shows what is going on."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def done(self, step: Step, found: Found, earlier: bool) -> None:
        self.close()
        if earlier:
            self._step += 1
            self.console.print(f"[bold]{self._step} of {self.steps}[/bold]  {step.title}: done earlier")

    def table(self, lines: list[tuple[str, str]]) -> None:
        """What was found."""
        table = Table(box=None, padding=(0, 2))
        for name, text in lines:
            table.add_row(name, text)
        self.console.print(table)
