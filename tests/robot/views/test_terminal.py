"""The live view: everything that a person asks for is on it, at any size; without a terminal, a line for each episode."""

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from robot.views.panels import Gauge, Shown
from robot.views.terminal import Episode, LiveView, ViewState


class Field:
    """A robot's own picture."""

    title = "a field"

    def see(self, outputs: object) -> None: ...

    def render(self, columns: int, lines: int) -> str:
        return f"{columns} by {lines}"


def shown(name: str, value: float, unit: str = "", digits: int = 0) -> list[Shown]:
    return [Shown(Gauge(name, lambda seen, progress: value, unit, digits), value)]


def practising() -> ViewState:
    return ViewState(
        title="hay on mower", scene=Field(), place=shown("", 3.4, "m/s", 1), phase="practising", practice_s=300.0,
        practice_end_s=1200.0, episode_name="row", episodes_name="rows", unit="s", best_possible=5.8,
        episodes=[Episode(1, 9.1, "as it came", True), Episode(2, 7.42, "clean", True), Episode(3, 8.0, "time-out", False),
                  Episode(4, 6.96, "clean", True)],
        notes=shown("by hand", 23.7, "s", 1), counts=shown("stones", 2.0), ticks=15000, missed_ticks=3, late_p50_us=76.0, late_p99_us=310.0,
        period_p50_us=20000.0, period_p99_us=20250.0, learner_up=True, updates=41200, updates_per_s=2140.0,
        transitions=2860, weights_version=286, weights_age_s=0.7, alpha=0.0123, value_mean=12.2, mode="policy",
        reason="executed as proposed", overrides=143, decisions=2860, resets=5, resets_failed=1,
    )  # fmt: skip


def screen(state: ViewState, width: int = 140, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    lines = console.render_lines(LiveView(state, console))
    assert len(lines) <= height - 1
    text = ["".join(segment.text for segment in line) for line in lines]
    assert all(len(line) <= width for line in text)
    return "\n".join(text)


@pytest.mark.parametrize(
    "shown",
    ["hay on mower", "a field", "practising", "rows", "5.0 of 20 robot minutes", "3.4 m/s", "1.200 x", "best 6.96 s",
     "by hand 23.7 s", "stones", "20.00, 20.25 ms", "76, 310 µs", "3 of 15000", "41200   2140/s", "version 286, 0.7 s old",
     "0.0123", "policy", "executed as proposed", "143   5.0 %", "5, 1 failed", "Ctrl-C"],
)  # fmt: skip
def test_what_a_person_asks_for_is_on_the_screen(shown: str) -> None:
    assert shown in screen(practising())


@settings(max_examples=40, deadline=None)
@given(width=st.integers(50, 220), height=st.integers(20, 70))
def test_it_fits_every_terminal(width: int, height: int) -> None:
    text = screen(practising(), width, height)
    assert "supervisor" in text and "learner" in text


def test_a_common_small_terminal_still_has_scene_episodes_and_supervisor() -> None:
    text = screen(practising(), 80, 24)
    assert "32 by 19" in text and "6.96 s" in text and "5, 1 failed" in text


def test_where_more_is_better_the_greatest_is_the_best() -> None:
    assert "best 9.10 s" in screen(replace(practising(), lower_is_better=False))


def test_a_dead_learner_says_so_and_old_weights_show_their_age() -> None:
    text = screen(replace(practising(), learner_up=False, weights_age_s=34.0))
    assert "down, the robot goes on" in text
    assert "34.0 s old" in text


def test_without_learning_lockstep_or_scene() -> None:
    text = screen(ViewState(title="evaluate", learning=False, lockstep=True, place=shown("place", 0.25, "m", 2)))
    assert "off: the policy stays as it is" in text
    assert "lockstep: nothing is late" in text
    assert "place" in text and "0.25 m" in text and "none yet" in text


def test_redrawing_is_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("robot.views.terminal.time.monotonic", lambda: now)
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)
    view = LiveView(practising(), console)
    with view:
        drawn = []
        for k in range(100):
            now = 100.0 + 0.02 * k
            before = console.file.tell()
            view.update()
            drawn.append(console.file.tell() > before)
    assert 6 <= sum(drawn) <= 9  # two seconds, four a second


def test_without_a_terminal_every_phase_and_episode_is_one_line() -> None:
    out = io.StringIO()
    state = ViewState(title="hay", best_possible=5.8, episode_name="row", episodes_name="rows", unit="s")
    with LiveView(state, Console(file=out, width=100, force_terminal=False)) as view:
        view.update()
        state.phase, state.practice_s = "practising", 90.0
        view.update()
        state.episodes.append(Episode(1, 6.96, "clean", True))
        view.update()
        view.update()
        state.episodes.append(Episode(2, 7.25, "taken-over", False))
    assert out.getvalue().splitlines() == [
        "  0.00 min  starting",
        "  1.50 min  practising",
        "  1.50 min  row    1     6.96 s  1.200 x  clean",
        "  1.50 min  row    2     7.25 s  1.250 x  taken-over",
    ]
