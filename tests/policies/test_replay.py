"""Transitions in memory and on disk."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.replay import Memory, join_segments, load_folder, read_segment, transition_dtype, write_segment

N, M = 50, 2
TRANSITION = transition_dtype(N, M)


def some_transitions(count, first_step=0, episode=0, seed=0):
    rng = np.random.default_rng(seed)
    transitions = np.zeros(count, TRANSITION)
    transitions["step"] = np.arange(first_step, first_step + count)
    transitions["episode"] = episode
    for name in ("observation", "next_observation", "action", "proposed", "reward"):
        transitions[name] = rng.standard_normal(transitions[name].shape)
    return transitions


def test_memory_holds_the_newest_transitions():
    memory = Memory(8, N, M)
    transitions = some_transitions(11)
    memory.add(transitions[:5])
    memory.add(transitions[5:])
    assert memory.size == 8
    rows = [(step % 8) for step in range(3, 11)]
    np.testing.assert_array_equal(memory.observation[rows], transitions["observation"][3:])
    np.testing.assert_array_equal(memory.next_observation[rows], transitions["next_observation"][3:])
    np.testing.assert_array_equal(memory.action[rows], transitions["action"][3:])
    np.testing.assert_array_equal(memory.reward[rows], transitions["reward"][3:])


def follows_of(transitions, cut=None):
    memory = Memory(100, N, M)
    for part in (transitions[:cut], transitions[cut:]) if cut else (transitions,):
        memory.add(part)
    return memory.follows[: memory.size].tolist()


@pytest.mark.parametrize("cut", [None, 1, 3])
def test_returns_run_on_within_an_episode(cut):
    assert follows_of(some_transitions(5), cut) == [1, 1, 1, 1, 0]


@pytest.mark.parametrize("flag", ["terminated", "truncated"])
def test_returns_stop_at_an_end(flag):
    transitions = some_transitions(5)
    transitions[flag][2] = 1
    assert follows_of(transitions) == [1, 1, 0, 1, 0]


def test_returns_stop_before_a_take_over():
    transitions = some_transitions(5)
    transitions["overridden"][2] = 1
    assert follows_of(transitions) == [1, 0, 1, 1, 0]


def test_returns_stop_at_a_gap_and_at_another_episode():
    transitions = some_transitions(5)
    transitions["step"][2:] += 1
    transitions["episode"][4:] = 1
    assert follows_of(transitions) == [1, 0, 1, 0, 0]


def test_returns_never_run_from_the_newest_row_into_the_oldest():
    memory = Memory(4, N, M)
    memory.add(some_transitions(6))
    assert memory.follows.tolist() == [1, 0, 1, 1]  # rows hold steps 4, 5, 2, 3


def test_a_transition_that_is_not_finite_is_refused():
    transitions = some_transitions(3)
    transitions["next_observation"][1, 7] = np.inf
    with pytest.raises(ValueError, match="step 1 is not finite"):
        Memory(10, N, M).add(transitions)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 300), st.integers(0, 2**40))
def test_segments_come_back_exactly(tmp_path_factory, count, first_step):
    path = tmp_path_factory.mktemp("segments") / "a.seg"
    transitions = some_transitions(count, first_step)
    write_segment(path, transitions)
    back = read_segment(path)
    assert back.dtype == TRANSITION
    assert back.tobytes() == transitions.tobytes()
    assert [file.name for file in path.parent.iterdir()] == ["a.seg"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000_000), st.integers(0, 7))
def test_every_flipped_bit_is_found(tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("segments") / "a.seg"
    write_segment(path, some_transitions(20))
    raw = bytearray(path.read_bytes())
    raw[place % len(raw)] ^= 1 << bit
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"a\.seg"):
        read_segment(path)


@pytest.mark.parametrize("keep", [0, 10, 24, 500])
def test_a_truncated_segment_is_found(tmp_path, keep):
    path = tmp_path / "a.seg"
    write_segment(path, some_transitions(20))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=rf"a\.seg: {keep} bytes"):
        read_segment(path)


def test_a_folder_gives_each_step_once_in_order(tmp_path):
    transitions = some_transitions(30)
    write_segment(tmp_path / "b.seg", transitions[:20])
    write_segment(tmp_path / "a.seg", transitions[12:])
    (tmp_path / ".b.seg.123").write_bytes(b"left by a kill")
    assert load_folder(tmp_path).tobytes() == transitions.tobytes()


def test_of_two_transitions_of_a_step_the_one_given_first_counts():
    first, second = some_transitions(6, seed=1), some_transitions(6, first_step=3, seed=2)
    joined = join_segments([first, second])
    assert joined.tobytes() == first.tobytes() + second[3:].tobytes()


def test_segments_of_different_tasks_are_refused(tmp_path):
    write_segment(tmp_path / "a.seg", some_transitions(3))
    write_segment(tmp_path / "b.seg", np.zeros(2, transition_dtype(4, 1)))
    assert read_segment(tmp_path / "b.seg")["action"].shape == (2, 1)
    with pytest.raises(ValueError, match=r"b\.seg: its transitions are of another size"):
        load_folder(tmp_path)


def test_an_empty_folder_gives_none(tmp_path):
    assert len(load_folder(tmp_path)) == 0
    assert len(join_segments([])) == 0
