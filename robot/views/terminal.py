"""The live view of a practice session: scene, episodes, timing, learner and supervisor, redrawn four times a second.

Scene and some of the figures are the robot's own (`panels.py`). Where stderr is no terminal, it is a line for each episode
instead.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from robot.views.panels import Scene, Shown

REFRESH_S = 0.25
SIDE_COLUMNS = 44
WIDE = 72  # columns from which there is room for a scene
SHORT, HEIGHT_MAX = 28, 36  # lines
OLD_WEIGHTS_S = 5.0
GOOD, WARN, BAD, DIM = "green", "yellow", "red", "grey58"


@dataclass(frozen=True)
class Episode:
    """A finished one. kind: clean, what else came of it, or as it came (by the policy before it learned)."""

    number: int
    merit: float
    kind: str
    clean: bool


@dataclass
class ViewState:
    """Everything that the view shows; whoever drives the view changes it in place. Ages and times in s."""

    title: str
    scene: Scene | None = None
    place: list[Shown] = field(default_factory=list)  # the robot's own, below the scene
    phase: str = "starting"
    practice_s: float = 0.0
    practice_end_s: float = 0.0
    # episodes
    episode_name: str = "episode"
    episodes_name: str = "episodes"
    unit: str = ""  # of their merit
    lower_is_better: bool = True
    best_possible: float = 0.0  # merit; 0: not known
    episodes: list[Episode] = field(default_factory=list)
    notes: list[Shown] = field(default_factory=list)  # the robot's own, below the episodes
    # the control loop
    lockstep: bool = False
    ticks: int = 0
    missed_ticks: int = 0
    late_p50_us: float = 0.0
    late_p99_us: float = 0.0
    period_p50_us: float = 0.0
    period_p99_us: float = 0.0
    # the learner
    learning: bool = True
    learner_up: bool = False
    updates: int = 0
    updates_per_s: float = 0.0
    transitions: int = 0
    weights_version: int = 0
    weights_age_s: float = 0.0
    alpha: float = 0.0
    value_mean: float = 0.0
    # the supervisor
    mode: str = ""
    reason: str = ""
    overrides: int = 0
    decisions: int = 0
    counts: list[Shown] = field(default_factory=list)  # the robot's own
    resets: int = 0
    resets_failed: int = 0
    restarts: int = 0


class LiveView:
    """Shows a ViewState, as a context manager: `update` as often as you like, it draws when it is time."""

    def __init__(self, state: ViewState, console: Console | None = None) -> None:
        self.state = state
        self.console = console or Console(stderr=True)
        self.live: Live | None = None
        self.drawn_s = 0.0
        self.episodes_told = 0
        self.phase_told = ""

    def __enter__(self) -> "LiveView":
        if self.console.is_terminal:
            self.live = Live(self, console=self.console, auto_refresh=False, vertical_overflow="crop")
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live is None:
            self.tell()
        else:
            self.live.refresh()
            self.live.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Give the terminal back for a while."""
        if self.live is None:
            yield
            return
        self.live.stop()
        yield
        self.live.start()

    def update(self) -> None:
        """Draw, unless the last drawing is younger than REFRESH_S."""
        if self.live is None:
            self.tell()
        elif time.monotonic() - self.drawn_s >= REFRESH_S:
            self.drawn_s = time.monotonic()
            self.live.refresh()

    def tell(self) -> None:
        """Without a terminal: a line for every new phase and episode."""
        state = self.state
        if state.phase != self.phase_told:
            self.phase_told = state.phase
            self.console.print(f"{state.practice_s / 60:6.2f} min  {state.phase}", highlight=False)
        for one in state.episodes[self.episodes_told :]:
            self.console.print(f"{state.practice_s / 60:6.2f} min  {state.episode_name} {one.number:4d}  {one.merit:7.2f} "
                               f"{state.unit}  {ratio(one.merit, state):>7}  {one.kind}", highlight=False)  # fmt: skip
        self.episodes_told = len(state.episodes)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The whole view, fitted to the console."""
        state, width, height = self.state, options.max_width, min(console.height - 1, HEIGHT_MAX)
        short = height < SHORT
        learner = learner_panel(state, short)
        panels = {"timing": timing_panel(state), "learner": learner, "supervisor": supervisor_panel(state)}
        sizes = {"timing": 5, "learner": (6 if short else 8) if state.learning else 3, "supervisor": 7}
        most = height - 2 - sum(sizes.values()) - 2
        side = Layout(size=SIDE_COLUMNS)
        side.split_column(
            Layout(episodes_panel(state, max(1, most)), minimum_size=3),
            *(Layout(body, size=sizes[name]) for name, body in panels.items()),
        )
        body = Layout()
        body.split_row(*([Layout(scene_panel(state, width - SIDE_COLUMNS, height - 2))] if width >= WIDE else []), side)
        whole = Layout()
        whole.split_column(Layout(header(state), size=1), body, Layout(footer(state), size=1))
        yield from console.render(whole, options.update_height(height))


def scene_panel(state: ViewState, columns: int, lines: int) -> Panel:
    """Where the robot is; of one that brings no picture, its figures."""
    if state.scene is None:
        return panel(rows(*((one.gauge.name, one.text) for one in state.place)), "robot")
    body = state.scene.render(max(10, columns - 4), max(4, lines - 2))
    return panel(body, state.scene.title, "   ".join(f"{one.gauge.name} {one.text}".strip() for one in state.place))


def panel(body: RenderableType, title: str, subtitle: str = "") -> Panel:
    """A frame with a quiet title."""
    below = f"[{DIM}]{subtitle}[/]" if subtitle else None
    return Panel(body, title=f"[bold]{title}[/]", title_align="left", subtitle=below, subtitle_align="right",
                 box=box.ROUNDED, border_style="grey37", padding=(0, 1))  # fmt: skip


def rows(*pairs: tuple[str, str | Text]) -> Table:
    """Names at the left, values at the right."""
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(style=DIM)
    table.add_column(justify="right")
    for name, value in pairs:
        table.add_row(name, value)
    return table


def ratio(merit: float, state: ViewState) -> str:
    """A merit over the best possible, where that is known."""
    return f"{merit / state.best_possible:.3f} x" if state.best_possible else ""


def header(state: ViewState) -> RenderableType:
    """Title and phase."""
    table = Table.grid(expand=True)
    table.add_column()
    table.add_column(justify="right")
    table.add_row(f" [bold]{state.title}[/]", f"[bold cyan]{state.phase}[/] ")
    return table


def footer(state: ViewState) -> RenderableType:
    """How much of the time is over."""
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(ratio=1)
    table.add_column(justify="right")
    total = state.practice_end_s or 1.0
    minutes = f"{state.practice_s / 60:.1f} of {state.practice_end_s / 60:.3g} robot minutes"
    bar = ProgressBar(total, min(state.practice_s, total), complete_style="cyan", finished_style=GOOD)
    table.add_row(bar, f"{minutes}   [{DIM}]Ctrl-C stops and saves[/] ")
    return table


def episodes_panel(state: ViewState, most: int) -> Panel:
    """The newest episodes, best at the bottom line."""
    table = Table.grid(expand=True, padding=(0, 1))
    for justify in ("right", "right", "right", "right"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    clean = [one.merit for one in state.episodes if one.clean]
    best = (min if state.lower_is_better else max)(clean, default=None)
    styles = {"clean": "default", "as it came": "cyan"}
    for one in state.episodes[-most:]:
        style = f"bold {GOOD}" if one.merit == best and one.clean else styles.get(one.kind, DIM)
        table.add_row(str(one.number), f"{one.merit:.2f} {state.unit}", ratio(one.merit, state), one.kind, style=style)
    known = [] if best is None else [f"best {best:.2f} {state.unit}"]
    known += [f"{one.gauge.name} {one.text}" for one in state.notes]
    body: RenderableType = table if state.episodes else Text("none yet", style=DIM)
    return panel(body, state.episodes_name, "   ".join(known))


def timing_panel(state: ViewState) -> Panel:
    """Period, lateness, missed ticks."""
    if state.lockstep:
        return panel(rows(("clock", "lockstep: nothing is late"), ("ticks", f"{state.ticks}")), "timing")
    late = Text(f"{state.late_p50_us:.0f}, {state.late_p99_us:.0f} µs", WARN if state.late_p99_us > 2000 else "default")
    missed = Text(f"{state.missed_ticks} of {state.ticks}", WARN if state.missed_ticks else GOOD)
    period = f"{state.period_p50_us / 1000:.2f}, {state.period_p99_us / 1000:.2f} ms"
    return panel(rows(("period, p50 p99", period), ("lateness, p50 p99", late), ("missed ticks", missed)), "timing")


def learner_panel(state: ViewState, short: bool) -> Panel:
    """What the learner does, and how old its newest weights in use are."""
    if not state.learning:
        return panel(Text("off: the policy stays as it is", style=DIM), "learner")
    age_style = WARN if state.weights_age_s > OLD_WEIGHTS_S else "default"
    age = Text(f"version {state.weights_version}, {state.weights_age_s:.1f} s old", age_style)
    figures: list[tuple[str, str | Text]] = [
        ("state", Text("learning", GOOD) if state.learner_up else Text("down, the robot goes on", BAD)),
        ("updates", f"{state.updates}   {state.updates_per_s:.0f}/s"),
        ("transitions", f"{state.transitions}"),
        ("weights", age),
        ("temperature", f"{state.alpha:.4f}"),
        ("mean value", f"{state.value_mean:.2f}"),
    ]
    return panel(rows(*(figures[:4] if short else figures)), "learner")


def supervisor_panel(state: ViewState) -> Panel:
    """Who drives, why, and what went wrong so far."""
    share = 100.0 * state.overrides / state.decisions if state.decisions else 0.0
    failed = f", {state.resets_failed} failed" if state.resets_failed else ""
    counts = [(one.gauge.name, Text(one.text, WARN if one.value else GOOD)) for one in state.counts]
    return panel(
        rows(
            ("mode", Text(state.mode, "bold")),
            ("reason", Text(state.reason, overflow="ellipsis", no_wrap=True)),
            ("overridden", f"{state.overrides}   {share:.1f} %"),
            *counts,
            ("resets", Text(f"{state.resets}{failed}", BAD if state.resets_failed else "default")),
        ),
        "supervisor",
        f"{state.restarts} processes restarted" if state.restarts else "",
    )
