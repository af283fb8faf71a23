"""A person says by keys which of two clips is better: each answer is on disk at once, is taken up again, and becomes a reward."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from policies.replay import load_folder, transition_dtype
from robot.practice.preferences.choosing import KEYS, LAST_S, PACE_S, Choosing, beside
from robot.practice.preferences.clip_pictures import Seen, pictures_of
from robot.practice.preferences.clips import (
    CLIP_S,
    PAIRS,
    STRETCH,
    Clip,
    Pair,
    clip_of,
    draw_pairs,
    held_out,
    stretches_of,
)
from robot.practice.preferences.preferences_file import PREFERENCES_FILE, load_preferences, save_preferences
from tests.robot.robots.arm.eyes.labelled_bench import AGE_S, DECIDES, TICK_S, make_run
from tests.robot.views.at_a_terminal import at_a_terminal

A, B, C = (Clip(first, 10) for first in (0, 10, 20))
PAIRS_OF_THREE = [Pair(A, B), Pair(B, C), Pair(C, A)]


def seen(grey: int) -> Seen:
    """A picture each fifth of a second, each lighter than the one before."""
    return Seen([np.full((48, 64), grey + k, np.uint8) for k in range(6)], [0.2 * k for k in range(6)])


def choosing(run: Path) -> Choosing:
    return Choosing(run, PAIRS_OF_THREE, {A: seen(0), B: seen(100), C: seen(200)})


def test_each_answer_is_on_disk_before_the_next_key(tmp_path: Path) -> None:
    one = choosing(tmp_path)
    for key in "lxr":
        one.press(key)
    assert load_preferences(tmp_path) == {Pair(A, B): "left", Pair(B, C): "right"} and one.at == 2
    one.press("s")
    assert one.figures() == {"left": 1, "right": 1, "same": 1, "to_go": 0}
    assert one.until_next_s() is None
    one.press("l")
    one.press("b")
    one.press("l")
    assert load_preferences(tmp_path)[Pair(C, A)] == "left" and not one.ended
    one.press("q")
    assert one.ended


def test_it_goes_on_with_the_first_pair_without_an_answer_and_keeps_those_of_other_pairs(tmp_path: Path) -> None:
    other = Pair(Clip(70, 10), Clip(90, 10))
    save_preferences(tmp_path, {Pair(A, B): "same", other: "right"})
    one = choosing(tmp_path)
    assert one.at == 1
    one.press("l")
    assert load_preferences(tmp_path) == {Pair(A, B): "same", other: "right", Pair(B, C): "left"}


def test_who_chooses_at_the_same_time_loses_nothing(tmp_path: Path) -> None:
    one, other = choosing(tmp_path), choosing(tmp_path)
    one.press("l")
    other.go(1)
    other.press("r")
    one.press("b")
    one.press("s")
    assert load_preferences(tmp_path) == {Pair(A, B): "same", Pair(B, C): "right"} == one.preferences


def test_a_pair_of_which_no_picture_was_kept_is_not_shown(tmp_path: Path) -> None:
    assert Choosing(tmp_path, PAIRS_OF_THREE, {A: seen(0), B: seen(9)}).pairs == [Pair(A, B)]


def test_both_play_at_once_and_again_and_again(tmp_path: Path) -> None:
    one, shown = choosing(tmp_path), []
    moments = round(CLIP_S / PACE_S) + 1
    for _ in range(moments):
        shown.append([int(one.picture(clip)[0, 0]) for clip in (A, B)])
        assert one.until_next_s() == (LAST_S if len(shown) == moments else PACE_S)
        one.shown += 1
    assert [left for left, _ in shown] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert all(right == left + 100 for left, right in shown) and one.moment == 0
    both = beside(np.full((4, 3), 9, np.uint8), np.full((2, 5), 8, np.uint8))
    assert (
        both.shape == (4, 10) and (both[:, :3] == 9).all() and (both[:2, 5:] == 8).all() and both.sum() == 9 * 12 + 80
    )


@pytest.mark.parametrize(("damage", "told"), [(lambda text: text.replace("left", "right"), "crc32: found"),
                                              (lambda text: text[: len(text) // 2], "not JSON"),
                                              (lambda text: json.dumps({"preferences": []}), "crc32: found nothing, allowed: a checksum")])  # fmt: skip
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: Callable[[str], str], told: str) -> None:
    save_preferences(tmp_path, {Pair(A, B): "left"})
    path = tmp_path / PREFERENCES_FILE
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=f"{path}: {told}"):
        choosing(tmp_path)


def test_what_is_no_preference_is_refused(tmp_path: Path) -> None:
    save_preferences(tmp_path, {Pair(Clip(-1, 10), A): "left"})
    with pytest.raises(ValueError, match=r"preferences: found \(-1, 0, 10, 'left'\), allowed: two steps"):
        load_preferences(tmp_path)
    save_preferences(tmp_path, {Pair(A, B): "perhaps"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="preferences: found"):
        load_preferences(tmp_path)


def chain(episodes: list[int]) -> np.ndarray:
    """Transitions of episodes of these lengths."""
    rows = np.zeros(sum(episodes), transition_dtype(2, 1))
    rows["step"], rows["episode"] = np.arange(len(rows)), np.repeat(np.arange(len(episodes)), episodes)
    return rows


def test_clips_are_of_one_episode_each_and_pairs_of_two(tmp_path: Path) -> None:
    rows = chain([12, 30, 5, 12, 11, 40, 12, 15, 20])
    pairs = draw_pairs(tmp_path, rows, 10)
    assert 0.7 * PAIRS < len(set(pairs)) == len(pairs) <= PAIRS and pairs == draw_pairs(tmp_path, rows, 10)
    judging = 0
    for pair in pairs:
        episodes = []
        for clip in (pair.left, pair.right):
            found = clip_of(rows, clip)
            assert found is not None and len(found) == 10 and found["step"][0] == clip.first
            episodes.append(int(found["episode"][0]))
        assert episodes[0] != episodes[1] and 2 not in episodes
        assert held_out(episodes[0]) == held_out(episodes[1])
        judging += held_out(episodes[0])
    assert 0.05 < judging / len(pairs) <= 0.25


def test_who_has_but_one_long_episode_is_judged_by_stretches_of_it(tmp_path: Path) -> None:
    rows = chain([1000])
    stretch = stretches_of(rows)
    assert stretch.tolist() == np.repeat(np.arange(10), STRETCH).tolist()
    for pair in draw_pairs(tmp_path, rows, 10):
        numbers = [stretch[clip.first] for clip in (pair.left, pair.right)]
        assert numbers == [stretch[clip.first + 9] for clip in (pair.left, pair.right)]
        assert numbers[0] != numbers[1] and held_out(numbers[0]) == held_out(numbers[1])
    assert (stretches_of(np.concatenate([rows, chain([7])]))[:1000] == stretch).all()


def test_a_clip_that_is_not_whole_is_none(tmp_path: Path) -> None:
    rows = chain([12, 12])
    gap = np.delete(rows, 5)
    assert clip_of(rows, Clip(8, 10)) is None and clip_of(rows, Clip(20, 10)) is None
    assert clip_of(gap, Clip(5, 3)) is None
    with pytest.raises(
        ValueError,
        match=f"{tmp_path}: found 1 episodes, or stretches of {STRETCH} decisions of one, with 10 decisions and more, allowed: at least 8",
    ):
        draw_pairs(tmp_path, gap, 10)


def test_pictures_of_a_clip_are_those_that_control_knew_during_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ["success", "time-out"])
    clips = [Clip(20, 10), Clip(35, 10)]
    found = pictures_of(run, clips)
    assert list(found) == clips
    for each in found.values():
        assert abs(len(each.pictures) - CLIP_S / TICK_S) <= 1
        assert each.at_s[0] == pytest.approx(0.0, abs=AGE_S) and each.at_s[-1] == pytest.approx(CLIP_S, abs=TICK_S)
    assert pictures_of(run, [Clip(1000, 10)]) == {} and DECIDES == 5


def test_a_run_without_pictures_is_told_how_to_keep_them(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"found no frames.mcap, allowed: a run that kept its pictures, of robot practice, of a robot with a camera",
    ):
        pictures_of(make_run(tmp_path / "run", ["success"], "none"), [Clip(0, 10)])


def test_a_run_of_a_robot_without_a_camera_has_none(tmp_path: Path) -> None:
    """Whose log has no such device."""
    with pytest.raises(ValueError, match=r"found no frames\.mcap"):
        pictures_of(tmp_path, [Clip(0, 10)])


def test_a_person_at_a_terminal(tmp_path: Path) -> None:
    """First a few, which are too few for a reward; then the others."""
    run = make_run(tmp_path / "run", ["success", "time-out"] * 6)
    pairs = draw_pairs(run, load_folder(run / "replay"), 10)
    said = at_a_terminal(["label", str(run), "--pairs", "--json"], "lrsq", "l left is better")
    assert f"pair 1 of {len(pairs)}: not said" in said and "▀" in said and "no reward yet" in said
    told = json.loads(said.splitlines()[-1])
    assert (told["left"], told["right"], told["same"], told["to_go"]) == (1, 1, 1, len(pairs) - 3)
    assert told["reward"] is None
    assert load_preferences(run) == dict(zip(pairs, KEYS.values(), strict=False))
    said = at_a_terminal(["label", str(run), "--pairs", "--json"], "lr" * 60 + "q", "l left is better")
    told = json.loads(said.splitlines()[-1])
    assert f"pair 4 of {len(pairs)}" in said and told["to_go"] == len(pairs) - 123 and told["held_out"] == 30
    assert told["reward"].endswith(f"preferred:pay:{run / 'reward.npz'}") and 0.0 <= told["accuracy"] <= 1.0
