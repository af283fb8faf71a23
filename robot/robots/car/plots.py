"""The picture of a run: where it drove and how fast, lap times, what it was paid, how steadily it ticked, what its camera saw."""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from policies.array_file import write_bytes_atomically
from robot.logs.mcap_file import DamagedLog, RefusedLog
from robot.logs.reader import LogReader
from robot.robots.car.demonstration.course_from_lap import COURSE_FILE, load_course
from robot.robots.car.setup import PipelineSetup
from robot.runtime.run_folder import read_config
from robot.tasks.race_track.task import TICK_S
from robot.views.plot_style import BLUE, GREEN, GREY, INK, ORANGE, RED, ROAD, SPEED_COLOURS, STYLE
from robot.views.say import NO_END, say
from sim.input_files import checked, read_bytes, read_json
from sim.tracks.track import Course

READINGS_SHOWN = ["lateness_s", "weights_age_s", "weights_version", "missed_ticks"]


@dataclass(frozen=True)
class RunRecord:
    """What the picture shows. outputs: (n,) OUTPUTS; timing: (n,) of READINGS_SHOWN; the lists hold events. seen: moments, in words,
    and what the camera saw then. course_since_s: of practice; before, the car had lost its place, and knew another course.
    """

    name: str
    course: Course
    outputs: np.ndarray
    timing: np.ndarray
    laps: list[dict[str, Any]]
    collisions: list[dict[str, Any]]
    recoveries: list[dict[str, Any]]
    demo_lap_s: float | None
    yardstick_lap_s: float | None
    realtime: bool
    seen: dict[str, np.ndarray] = field(default_factory=dict)
    course_since_s: float = 0.0


def load_run(folder: Path) -> RunRecord:
    """Read a run's folder: its configuration and setups, its log, and its summary if it came to one.

    Raises ValueError for a folder that holds no run, or for a log that cannot be read.
    """
    config = read_config(folder)
    contents = LogReader(folder).contents(READINGS_SHOWN)
    outputs, events = contents.outputs, contents.events
    if len(outputs) == 0:
        raise ValueError(f"{folder}: its log holds no ticks")
    if not contents.complete:
        say(NO_END.format(folder))
    summary = folder / "summary.json"
    figures = read_json(summary) if summary.exists() else {}
    life = 0
    for event in events:
        life = event["life"] = event.get("life", life)  # only `start` says which life begins
    kinds = ("lap", "collision", "recovery", "place_lost")
    by_kind = {kind: [event for event in events if event["kind"] == kind] for kind in kinds}
    run = RunRecord(
        name=folder.name,
        course=course_of(folder),
        outputs=outputs,
        timing=contents.readings,
        laps=by_kind["lap"],
        collisions=by_kind["collision"],
        recoveries=by_kind["recovery"],
        demo_lap_s=float(outputs["figures"]["demo_lap_s"].max()) or None,
        yardstick_lap_s=checked(summary, "yardstick_lap_s", figures.get("yardstick_lap_s"), float | None),
        realtime=config.get("clock") == "realtime",
        course_since_s=max((event["practice_s"] for event in by_kind["place_lost"]), default=0.0),
    )
    if any(folder.glob("frames*.mcap")):
        try:
            run = replace(run, seen=seen_in(folder, run))
        except (RefusedLog, DamagedLog) as error:  # the pictures alone: after a power cut, a part may hold nothing
            say(f"{error}; drawn without what the camera saw")
    return run


def seen_in(folder: Path, run: RunRecord) -> dict[str, np.ndarray]:
    """What the camera saw at the fastest corner of the best lap, and at the last collision, as far as there were any."""
    from robot.robots.car.eyes.pictures import pictures_at  # needs OpenCV, which a car with a camera alone asks for

    moments: dict[str, float] = {}
    laps = learned(run) or run.laps
    if laps:
        rows = rows_of(run, min(laps, key=lambda lap: lap["lap_s"]))
        believed = rows["estimate"]
        corner = rows[int(np.argmax(np.abs(believed["v_x"] * believed["yaw_rate"])))]
        what = f"fastest corner: {corner['estimate']['v_x']:.1f} m/s, {corner['estimate']['yaw_rate']:+.1f} rad/s"
        moments[what] = float(corner["time_s"])
    if run.collisions:
        hit = place_of(run, run.collisions[-1])
        moments[f"last collision: {run.collisions[-1]['practice_s'] / 60.0:.1f} min"] = float(hit["time_s"])
    pictures = pictures_at(folder, list(moments.values()))
    return {what: picture for what, picture in zip(moments, pictures, strict=True) if picture is not None}


def course_of(folder: Path) -> Course:
    """The course that the newest of a run's control processes drove on. Raises ValueError if none had one."""
    course = found_course(folder)
    if course is None:
        raise ValueError(
            f"{folder}: found no setup-*.npz with a course and no {COURSE_FILE}, so there is no map to draw on"
        )
    return course


def found_course(folder: Path) -> Course | None:
    """The same; None if none had one."""
    for path in sorted(folder.glob("setup-*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
        course = PipelineSetup.from_bytes(read_bytes(path), path).course
        if course is not None:
            return course
    if (folder / COURSE_FILE).is_file():  # drawn from the demonstration lap
        return load_course(folder / COURSE_FILE)[0]
    return None


def knows_course(folder: Path) -> bool:
    return found_course(folder) is not None


def plot_run(folder: Path) -> Path:
    """Draw a run's picture into its folder. Returns the path of the PNG."""
    path, data = folder / "picture.png", io.BytesIO()
    draw(load_run(folder)).savefig(data, format="png", dpi=130)
    write_bytes_atomically(path, [data.getvalue()])
    return path


@matplotlib.rc_context(STYLE)
def draw(run: RunRecord) -> Figure:
    """The picture as a figure, 16 by 10 inches; higher where a camera saw something."""
    high = 13 if run.seen else 10
    figure = Figure(figsize=(16, high), facecolor="white")
    heights = (1.15, 1, 0.75, 0.75)[: 4 if run.seen else 3]
    grid = figure.add_gridspec(len(heights), 2, width_ratios=(1.15, 1), height_ratios=heights, left=0.04, right=0.975,
                               top=0.865, bottom=0.06, hspace=0.38, wspace=0.16)  # fmt: skip
    draw_title(figure, run)
    draw_map(figure, figure.add_subplot(grid[:2, 0]), on_this_course(run))
    draw_lap_times(figure.add_subplot(grid[0, 1]), run)
    draw_speed(figure.add_subplot(grid[1, 1]), on_this_course(run))
    draw_reward(figure.add_subplot(grid[2, 0]), run)
    draw_timing(figure.add_subplot(grid[2, 1]), run)
    for column, (what, picture) in enumerate(run.seen.items()):
        draw_seen(figure.add_subplot(grid[3, column]), what, picture)
    return figure


def draw_seen(axes: Axes, what: str, picture: np.ndarray) -> None:
    """A camera's picture, grey or blue, green, red, pixel by pixel."""
    axes.set_title(f"seen at the {what}")
    axes.imshow(
        picture if picture.ndim == 2 else picture[..., ::-1], cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )
    axes.axis("off")


def learned(run: RunRecord, clean: bool = True) -> list[dict[str, Any]]:
    """Clean laps (or, with `clean` False, the others) of practice, without those of the policy as it came."""
    return [lap for lap in run.laps if lap["clean"] == clean and not lap["baseline"]]


def rows_of(run: RunRecord, lap: dict[str, Any]) -> np.ndarray:
    """The ticks of a lap of practice."""
    practice_s = run.outputs["practice_s"]
    return run.outputs[(practice_s > lap["practice_s"] - lap["lap_s"]) & (practice_s <= lap["practice_s"])]


def on_this_course(run: RunRecord) -> RunRecord:
    """Without what was driven before the car lost its place: where that was on its course nobody knows any more."""

    def since(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [event for event in events if event["practice_s"] - event.get("lap_s", 0.0) >= run.course_since_s]

    return replace(run, laps=since(run.laps), collisions=since(run.collisions), recoveries=since(run.recoveries))


def demonstration(run: RunRecord) -> np.ndarray:
    """The ticks before practice on this course, while the car moved."""
    return run.outputs[
        (run.outputs["practice_s"] == run.course_since_s) & (np.abs(run.outputs["estimate"]["v_x"]) > 0.1)
    ]


def draw_title(figure: Figure, run: RunRecord) -> None:
    """What came of the run, in two lines."""
    laps = learned(run)
    minutes = run.outputs["practice_s"].max() / 60.0
    headline = f"{run.course.name}: no clean lap yet"
    if laps:
        best = min(lap["lap_s"] for lap in laps)
        headline = f"{run.course.name}: best lap {best:.2f} s"
        if run.yardstick_lap_s:
            headline += f", {best / run.yardstick_lap_s:.2f} × the best possible"
    facts = [f"{minutes:.1f} robot minutes", f"{len(laps)} clean laps", f"{len(run.collisions)} collisions",
             f"{len(run.recoveries)} recoveries", f"{run.outputs['overrides'].max()} actions overridden"]  # fmt: skip
    if len(laps) >= 2:
        last = [lap["lap_s"] for lap in laps[-5:]]
        facts.insert(2, f"median of the last {len(last)}: {np.median(last):.2f} s")
    figure.text(0.04, 0.952, headline, fontsize=20, fontweight="bold")
    figure.text(0.04, 0.92, "   ·   ".join(facts), fontsize=10.5, color=GREY)
    figure.text(0.975, 0.952, run.name, fontsize=9, color=GREY, ha="right")


def draw_map(figure: Figure, axes: Axes, run: RunRecord) -> None:
    """The course, the demonstration and the first laps as thin lines, the best lap coloured by its speed."""
    left, right = (np.concatenate([wall, wall[:1]]) for wall in run.course.walls())
    road = np.concatenate([left, right[::-1]])
    axes.fill(road[:, 0], road[:, 1], color=ROAD, lw=0, zorder=0)
    for wall in (left, right):
        axes.plot(*wall.T, color=INK, lw=1.6, solid_joinstyle="round", zorder=5)
    shown = demonstration(run)
    axes.plot(
        shown["estimate"]["x"],
        shown["estimate"]["y"],
        color=GREY,
        lw=1.2,
        ls=(0, (4, 2)),
        label="demonstration",
        zorder=2,
    )
    laps = learned(run)
    for number, lap in enumerate(laps[:3]):
        rows = rows_of(run, lap)
        axes.plot(rows["estimate"]["x"], rows["estimate"]["y"], color=BLUE, lw=1.0, alpha=0.55, zorder=2,
                  label="first laps" if number == 0 else None)  # fmt: skip
    if laps:
        best = min(laps, key=lambda lap: lap["lap_s"])
        rows = rows_of(run, best)
        points = np.stack([rows["estimate"]["x"], rows["estimate"]["y"]], axis=1)
        line = LineCollection(list(np.stack([points[:-1], points[1:]], axis=1)), cmap=SPEED_COLOURS, lw=4.5,
                              capstyle="round", zorder=3)  # fmt: skip
        line.set_array(rows["estimate"]["v_x"][:-1])
        axes.add_collection(line)
        bar = figure.colorbar(line, ax=axes, location="bottom", shrink=0.5, aspect=45, pad=0.03)
        bar.outline.set_visible(False)  # type: ignore[operator]
        bar.set_label("speed on the best lap, m/s")
    for events, style in ((run.recoveries, {"marker": "o", "s": 95, "facecolors": "none", "edgecolors": ORANGE}),
                          (run.collisions, {"marker": "x", "s": 48, "color": RED})):  # fmt: skip
        places = [place_of(run, event) for event in events]
        if places:
            label = "recovery" if events is run.recoveries else "collision"
            x, y = [place["estimate"]["x"] for place in places], [place["estimate"]["y"] for place in places]
            axes.scatter(x, y, lw=1.8, zorder=6, label=label, **style)  # type: ignore[arg-type]
    mark_start(axes, run.course)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.margins(0.02)
    figure.legend(*axes.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.033, 0.905), ncols=4,
                  handlelength=1.8)  # fmt: skip


def place_of(run: RunRecord, event: dict[str, Any]) -> np.void:
    """The tick in which an event happened."""
    rows = np.flatnonzero(run.outputs["life"] == event["life"])
    return run.outputs[rows[min(int(np.searchsorted(run.outputs["tick"][rows], event["tick"])), len(rows) - 1)]]


def mark_start(axes: Axes, course: Course) -> None:
    """The finish line and the direction of driving."""
    (x0, y0), (x1, y1) = (wall[0] for wall in course.walls())
    axes.plot([x0, x1], [y0, y1], color="white", lw=4, zorder=4, solid_capstyle="butt")
    axes.plot([x0, x1], [y0, y1], color=INK, lw=4, zorder=4, ls=(0, (0.9, 0.9)), dash_capstyle="butt")
    ahead = min(int(1.2 / course.spacing_m), len(course.x) - 1)
    axes.annotate("", (course.x[ahead], course.y[ahead]), (course.x[0], course.y[0]), zorder=7,
                  arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.6, "mutation_scale": 16})  # fmt: skip


def draw_lap_times(axes: Axes, run: RunRecord) -> None:
    """Every lap over robot time, between the demonstration's time and the best possible."""
    axes.set_title("lap times")
    for laps, style in (
        ([lap for lap in run.laps if lap["baseline"]], {"color": GREEN, "label": "policy as it came"}),
        (learned(run, clean=False), {"facecolors": "white", "edgecolors": GREY, "label": "not clean"}),
        (learned(run), {"color": BLUE, "label": "clean"}),
    ):
        if laps:
            axes.scatter(minutes(laps), [lap["lap_s"] for lap in laps], s=22, zorder=3, **style)  # type: ignore[arg-type]
    axes.set_yscale("log")
    times = [lap["lap_s"] for lap in run.laps]
    end = max(run.outputs["practice_s"].max() / 60.0, 1e-3)
    for lap_s, label, colour, dashes, side in ((run.demo_lap_s, "demonstration", GREY, (0, (4, 2)), "bottom"),
                                               (run.yardstick_lap_s, "best possible", GREEN, "-", "top")):  # fmt: skip
        if lap_s:
            times.append(lap_s)
            axes.axhline(lap_s, color=colour, lw=1.4, ls=dashes, zorder=2)
            axes.annotate(f"{label} {lap_s:.2f} s", (end, lap_s), (0, 3 if side == "bottom" else -4), color=colour,
                          textcoords="offset points", va=side, ha="right", fontsize=8.5)  # fmt: skip
    if times:
        low, high = 0.82 * min(times), 1.25 * max(times)
        axes.set_ylim(low, high)
        candidates = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300])
        ticks = candidates[(candidates > low) & (candidates < high)]
        axes.set_yticks(ticks, [str(tick) for tick in ticks])
        axes.set_yticks([], minor=True)
    if run.collisions:
        axes.scatter(minutes(run.collisions), np.full(len(run.collisions), 0.03), marker="x", s=30, color=RED, lw=1.5,
                     transform=axes.get_xaxis_transform(), label="collision", zorder=4)  # fmt: skip
    axes.set_xlim(-0.01 * end, 1.01 * end)
    axes.set_ylabel("s")
    axes.set_xlabel("robot minutes of practice")
    if run.laps or run.collisions:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, handletextpad=0.2, columnspacing=1.0)


def minutes(events: list[dict[str, Any]]) -> list[float]:
    """When events happened, in minutes of practice."""
    return [event["practice_s"] / 60.0 for event in events]


def draw_speed(axes: Axes, run: RunRecord) -> None:
    """Speed along the course: demonstration, first lap, best lap."""
    axes.set_title("speed along the lap")
    laps = learned(run)
    lines = [(demonstration(run), GREY, 1.2, "demonstration")]
    if laps:
        lines.append((rows_of(run, laps[0]), BLUE, 1.2, "first clean lap"))
        lines.append((rows_of(run, min(laps, key=lambda lap: lap["lap_s"])), ORANGE, 2.2, "best lap"))
    for rows, colour, width, label in lines:
        order = np.argsort(rows["estimate"]["s"], kind="stable")
        if label == "demonstration":
            order = order[:: max(1, len(order) // 400)]
        axes.plot(rows["estimate"]["s"][order], rows["estimate"]["v_x"][order], color=colour, lw=width, label=label)
    axes.set_xlim(0, run.course.length_m)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("place on the course, m")
    axes.set_ylabel("m/s")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)


def draw_reward(axes: Axes, run: RunRecord) -> None:
    """What the policy was paid over robot time, and how much of what it asked for was changed."""
    axes.set_title("reward per second, and share of actions overridden")
    practice_s = run.outputs["practice_s"]
    end = max(float(practice_s.max()), 1.0)
    edges = np.linspace(0.0, end, max(8, min(120, int(end / 5.0))) + 1)
    in_bin = np.digitize(practice_s, edges) - 1
    rows = (practice_s > 0.0) & (in_bin < len(edges) - 1)
    decisions = (run.outputs["is_decision"] > 0) & rows
    new_overrides = np.diff(run.outputs["overrides"].astype(np.int64), prepend=0).clip(0)

    def per_bin(values: np.ndarray) -> np.ndarray:
        return np.bincount(in_bin[rows], values[rows], len(edges) - 1)

    middle = 0.5 * (edges[1:] + edges[:-1]) / 60.0
    paid = per_bin(run.outputs["reward"]) / np.maximum(per_bin(np.full(len(practice_s), TICK_S)), TICK_S)
    axes.plot(middle, paid, color=BLUE, lw=1.8)
    axes.fill_between(middle, 0, paid, color=BLUE, alpha=0.1, lw=0)
    axes.set_ylabel("reward per s", color=BLUE)
    axes.set_xlabel("robot minutes of practice")
    axes.set_xlim(0, end / 60.0)
    share = 100.0 * per_bin(new_overrides) / np.maximum(per_bin(decisions.astype(float)), 1.0)
    twin = axes.twinx()
    twin.bar(middle, share, width=0.85 * (middle[1] - middle[0]), color=ORANGE, alpha=0.45)
    twin.set_ylim(0, min(105.0, max(10.0, 2.5 * float(share.max()))))
    twin.set_ylabel("% overridden", color=ORANGE)
    twin.grid(False)
    twin.spines["left"].set_visible(False)


def draw_timing(axes: Axes, run: RunRecord) -> None:
    """How late the ticks were (in real time), or how old the weights were (in lockstep nothing is ever late)."""
    late_us = 1e6 * run.timing["lateness_s"]
    versions = len(np.unique(run.timing["weights_version"]))
    if not run.realtime:
        axes.set_title(f"weights in use: {versions} versions (lockstep clock: no tick is late)")
        axes.plot(TICK_S * np.arange(len(run.timing)) / 60.0, run.timing["weights_version"], color=BLUE, lw=1.8)
        axes.set_xlabel("robot minutes")
        axes.set_ylabel("version")
        return
    p50, p99, p999 = np.percentile(late_us, (50, 99, 99.9))
    axes.set_title(f"lateness of {len(late_us)} ticks ({int(run.timing['missed_ticks'].max())} missed), "
                   f"under {versions} versions of the weights")  # fmt: skip
    axes.hist(np.clip(late_us, 1.0, None), bins=list(np.geomspace(1.0, max(20_000.0, late_us.max()), 90)), color=BLUE,
              alpha=0.7)  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    for value in (p50, p99, p999):
        axes.axvline(value, color=INK, lw=1.0, ls=(0, (2, 2)))
    axes.text(0.99, 0.95, f"p50  {p50:.0f} µs\np99  {p99:.0f} µs\np99.9  {p999:.0f} µs", transform=axes.transAxes,
              va="top", ha="right", linespacing=1.5)  # fmt: skip
    axes.set_xlabel("µs after its time")
    axes.set_ylabel("ticks")
