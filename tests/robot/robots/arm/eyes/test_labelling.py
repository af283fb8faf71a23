"""A person labels episodes by keys: each label is on disk at once, is taken up again, and is refused where it was damaged."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from robot.cli.label import main
from robot.robots.arm.eyes.kept_pictures import Played, played
from robot.robots.arm.eyes.labelling import Labelling
from robot.robots.arm.eyes.labels import LABELS_FILE, load_labels, save_labels
from robot.robots.arm.eyes.seen_episodes import AFTER_S, SeenEpisode, seen_episodes
from tests.robot.robots.arm.eyes.labelled_bench import LASTS_S, START_M, TICK_S, make_run
from tests.robot.views.at_a_terminal import at_a_terminal


def episodes(count: int) -> list[Played]:
    """With two pictures each."""
    nothing = np.zeros((2, 28), np.float32)
    return [
        Played(SeenEpisode(number, "success", 1.0, 0.0, 0.01, nothing, np.array([-0.5, 0.0]), np.zeros(2)), [np.zeros((48, 64), np.uint8)] * 2, [-0.5, 0.0])
        for number in range(1, count + 1)
    ]  # fmt: skip


def test_each_label_is_on_disk_before_the_next_key(tmp_path: Path) -> None:
    labelling = Labelling(tmp_path, episodes(3))
    labelling.press("s")
    assert load_labels(tmp_path) == {1: "success"}
    labelling.press("x")
    labelling.press("f")
    assert load_labels(tmp_path) == {1: "success", 2: "failure"} and labelling.at == 2
    assert labelling.figures() == {"success": 1, "failure": 1, "unsure": 0, "left": 1}


def test_it_goes_on_with_the_first_episode_without_a_label(tmp_path: Path) -> None:
    save_labels(tmp_path, {1: "success", 3: "unsure"})
    again = Labelling(tmp_path, episodes(4))
    assert again.at == 1
    again.press("u")
    again.press("b")
    again.press("b")
    again.press("f")
    assert load_labels(tmp_path) == {1: "failure", 2: "unsure", 3: "unsure"}


def test_who_labels_at_the_same_time_loses_nothing(tmp_path: Path) -> None:
    one, other = Labelling(tmp_path, episodes(3)), Labelling(tmp_path, episodes(3))
    one.press("s")
    other.go(1)
    other.press("f")
    one.press("b")
    one.press("u")
    assert load_labels(tmp_path) == {1: "unsure", 2: "failure"}


def test_after_the_last_one_nothing_is_labelled_but_there_is_a_way_back(tmp_path: Path) -> None:
    labelling = Labelling(tmp_path, episodes(1))
    labelling.press("s")
    labelling.press("f")
    labelling.press(" ")
    assert load_labels(tmp_path) == {1: "success"} and labelling.until_next_s() is None
    labelling.press("b")
    labelling.press("f")
    assert load_labels(tmp_path) == {1: "failure"} and not labelling.ended
    labelling.press("q")
    assert labelling.ended


def test_an_episode_plays_at_its_own_pace_is_held_and_played_again(tmp_path: Path) -> None:
    labelling = Labelling(tmp_path, episodes(1))
    assert labelling.until_next_s() == 0.5
    labelling.press(" ")
    assert labelling.until_next_s() is None
    labelling.press(" ")
    assert labelling.until_next_s() == 0.5
    labelling.shown += 1
    assert labelling.until_next_s() is None
    labelling.press(" ")
    assert (labelling.shown, labelling.until_next_s()) == (0, 0.5)


def changed(text: str) -> str:
    return text.replace("failure", "success")


def unsealed(text: str) -> str:
    return json.dumps({name: value for name, value in json.loads(text).items() if name != "crc32"})


@pytest.mark.parametrize(("damage", "told"), [(changed, "crc32: found"), (unsealed, "crc32: found nothing, allowed: a checksum"),
                                              (lambda text: text[: len(text) // 2], "not JSON")])  # fmt: skip
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: Callable[[str], str], told: str) -> None:
    save_labels(tmp_path, {1: "success", 2: "failure"})
    path = tmp_path / LABELS_FILE
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=f"{path}: {told}"):
        Labelling(tmp_path, episodes(2))


def test_what_is_no_label_is_refused(tmp_path: Path) -> None:
    save_labels(tmp_path, {0: "success"})
    with pytest.raises(ValueError, match="labels: found '0', allowed: numbers of episodes, from 1"):
        load_labels(tmp_path)
    save_labels(tmp_path, {1: "perhaps"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="labels: found"):
        load_labels(tmp_path)


def test_an_episode_is_what_control_knew_from_its_beginning_until_shortly_after_its_end(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ["success", "taken-over", "time-out"])
    seen = seen_episodes(run)
    assert [(each.number, each.judged) for each in seen] == [(1, "success"), (3, "time-out")]
    assert seen[0].deep_m == pytest.approx(0.01) and seen[0].aside_m == pytest.approx(0.0005)
    for each in seen:
        assert abs(len(each.taken_s) * TICK_S - LASTS_S - AFTER_S) < 1.5 * TICK_S
        assert each.away_m[0] == pytest.approx(START_M) and (each.away_m[-10:] == 0.0).all()
        assert each.taken_s[-1] == pytest.approx(
            AFTER_S - 0.05, abs=1.1 * TICK_S
        )  # less its age and the camera's delay
    found = played(run, seen)
    assert [each.episode.number for each in found] == [1, 3]
    assert found[0].pictures[-1].max() == 200 and found[0].pictures[0].max() == 60 and found[1].pictures[-1].max() == 60


def test_a_person_at_a_terminal(tmp_path: Path) -> None:
    """Two episodes are labelled, and it is left; the next time it goes on with the third."""
    run = make_run(tmp_path / "run", ["success", "time-out", "success"], "lossy")
    said = at_a_terminal(["label", str(run), "--json"], "sfq", "s success")
    assert "episode 1 (1 of 3)" in said and "told 10.0 mm deep, 0.5 mm aside" in said and "▀" in said
    assert load_labels(run) == {1: "success", 2: "failure"}
    said = at_a_terminal(["label", str(run), "--json"], "uq", "s success")
    assert "episode 3 (3 of 3)" in said and "episode 1 (" not in said
    told = json.loads(said.splitlines()[-1])
    assert told == {"labels": str(run / LABELS_FILE), "success": 1, "failure": 1, "unsure": 1, "left": 0}


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found no terminal on the standard input and error"):
        main([str(tmp_path)])


def test_a_run_without_pictures_is_told_how_to_keep_them(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ["success"], "none")
    with pytest.raises(
        ValueError, match=r"found no frames.mcap, allowed: a run that kept its pictures, of .* --frames lossless"
    ):
        played(run, seen_episodes(run))


def test_a_run_without_a_camera_is_refused(tmp_path: Path) -> None:
    from robot.robots.arm.options import ArmOptions
    from robot.runtime.run_folder import save_config

    save_config(tmp_path, ArmOptions())
    with pytest.raises(ValueError, match="found a run of --task peg_insert, allowed: peg_insert_by_camera"):
        seen_episodes(tmp_path)
