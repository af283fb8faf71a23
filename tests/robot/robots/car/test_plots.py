"""The picture of a run: it shows what the log says."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robot.logs.reader import LogReader
from robot.robots.car.plots import demonstration, draw, learned, load_run, on_this_course, plot_run, rows_of


def test_a_run_is_drawn_into_its_folder(made_up_run: Path) -> None:
    path = plot_run(made_up_run)
    assert path == made_up_run / "picture.png"
    with Image.open(path) as picture:
        assert picture.size == (2080, 1300)
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert colours is not None and len(colours) > 500


def test_laps_are_cut_out_of_the_log_by_their_times(made_up_run: Path) -> None:
    run = load_run(made_up_run)
    laps = learned(run)
    assert (len(laps), len(learned(run, clean=False))) == (10, 2)
    for lap in laps:
        rows = rows_of(run, lap)
        assert len(rows) == pytest.approx(lap["lap_s"] / 0.02, abs=2)
        driven = np.hypot(np.diff(rows["estimate"]["x"]), np.diff(rows["estimate"]["y"])).sum()
        assert 0.9 * run.course.length_m < driven < 1.2 * run.course.length_m
    assert demonstration(run)["estimate"]["v_x"].max() == pytest.approx(1.5)


def test_the_headline_and_the_figures_come_from_the_run(made_up_run: Path) -> None:
    figure = draw(load_run(made_up_run))
    best = min(lap["lap_s"] for lap in learned(load_run(made_up_run)))
    texts = [text.get_text() for text in figure.texts]
    assert f"oval: best lap {best:.2f} s, {best / 5.8:.2f} × the best possible" in texts
    assert any("10 clean laps" in text and "2 collisions" in text and "2 recoveries" in text for text in texts)
    lap_times = next(axes for axes in figure.axes if axes.get_title(loc="left") == "lap times")
    shown = np.concatenate([np.asarray(points.get_offsets()) for points in lap_times.collections])
    assert len(shown) == 10 + 2 + 2  # clean, not clean, collisions
    labels = [text.get_text() for text in lap_times.texts]
    assert labels == ["demonstration 23.70 s", "best possible 5.80 s"]


def test_collisions_are_marked_where_they_happened(made_up_run: Path) -> None:
    run = load_run(made_up_run)
    crosses = next(points for points in draw(run).axes[0].collections if points.get_label() == "collision")
    expected = [(event["x"], event["y"]) for event in run.collisions]
    np.testing.assert_allclose(np.asarray(crosses.get_offsets()), expected, atol=0.05)


def test_what_was_driven_before_a_car_lost_its_place_is_not_drawn_on_its_new_course(made_up_run: Path) -> None:
    whole = load_run(made_up_run)
    assert on_this_course(whole).laps == whole.laps
    lost_s = learned(whole)[4]["practice_s"] - 0.1
    run = on_this_course(replace(whole, course_since_s=lost_s))
    assert len(learned(run)) == 5 and all(lap["practice_s"] - lap["lap_s"] >= lost_s for lap in run.laps)
    assert run.collisions == [event for event in whole.collisions if event["practice_s"] >= lost_s]
    best = min(lap["lap_s"] for lap in learned(whole))
    assert any(
        f"best lap {best:.2f} s" in text.get_text() for text in draw(replace(whole, course_since_s=lost_s)).texts
    )


def test_in_lockstep_versions_are_drawn_instead_of_lateness(tmp_path: Path, make_made_up_run: Callable) -> None:
    run = make_made_up_run(tmp_path / "run", track="bean", laps=3)
    (run / "config.toml").write_text('track = "bean"\nclock = "lockstep"\n')
    titles = [axes.get_title(loc="left") for axes in draw(load_run(run)).axes]
    assert any("lockstep clock" in title for title in titles)
    assert not any("lateness" in title for title in titles)


def test_a_run_that_was_killed_in_its_demonstration_is_drawn_too(
    tmp_path: Path, make_made_up_run: Callable, capsys: pytest.CaptureFixture
) -> None:
    run = make_made_up_run(tmp_path / "run", laps=0)
    (run / "summary.json").unlink()
    data = (run / "log.mcap").read_bytes()
    (run / "log.mcap").write_bytes(data[: len(data) // 2])
    assert len(LogReader(run).outputs()) > 100
    assert plot_run(run).exists() and "log has no end" in capsys.readouterr().err
    assert "oval: no clean lap yet" in [text.get_text() for text in draw(load_run(run)).texts]


def test_a_run_without_a_yardstick_shows_times_only(tmp_path: Path, make_made_up_run: Callable) -> None:
    run = make_made_up_run(tmp_path / "run", laps=2)
    (run / "summary.json").write_text(json.dumps({"yardstick_lap_s": None}))
    headline = draw(load_run(run)).texts[0].get_text()
    assert "best lap" in headline and "possible" not in headline


def test_a_run_without_setups_has_no_map_to_draw_on(tmp_path: Path, make_made_up_run: Callable) -> None:
    run = make_made_up_run(tmp_path / "run", laps=0)
    (run / "setup-1.npz").unlink()
    with pytest.raises(ValueError, match="no map to draw on"):
        plot_run(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a run"):
        plot_run(tmp_path)
