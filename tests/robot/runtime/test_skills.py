"""An order of skills: round and round, a script where the policy fails, and a person asked once where nothing leads back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robot.runtime.episodes import Outcome
from robot.runtime.skills import HELP_AFTER, Learned, Order, Scripted


def judge(seen: np.ndarray) -> tuple[float, Outcome]:
    return 0.0, Outcome.RUNNING


SCRIPT = Scripted("script", lambda seen: None)
BACK = Learned("back", judge, 5.0, way_back=True, otherwise=SCRIPT)
FORTH = Learned("forth", judge, 5.0)


def names_of(order: Order, ends: list[bool]) -> list[str]:
    """The skills in force while these succeed or fail."""
    names = []
    for succeeded in ends:
        names.append(order.skill.name)
        order.ended(succeeded)
    return names


def test_after_the_last_comes_the_first() -> None:
    assert names_of(Order(SCRIPT, FORTH), [True, False, False, True, True]) == ["script", "forth"] * 2 + ["script"]


def test_two_policies_undo_each_other_and_a_script_helps_where_one_fails() -> None:
    ends = [True, False, False, True, True, True, False, False, False]
    expected = ["back", "forth", "back", "script", "forth", "back", "forth", "back", "script"]
    assert names_of(Order(BACK, FORTH), ends) == expected


def test_whoever_is_interrupted_begins_with_the_first() -> None:
    order = Order(BACK, FORTH)
    order.ended(True)
    order.begin()
    assert order.skill is BACK


def test_a_person_is_asked_once_until_something_leads_back_again() -> None:
    order = Order(SCRIPT, FORTH)
    asked = []
    for turn in range(20):
        order.begin()
        asked.append(order.ended(turn == 9))
    assert [turn for turn, lost in enumerate(asked) if lost] == [HELP_AFTER - 1, 9 + HELP_AFTER]


@given(st.lists(st.booleans(), max_size=60))
def test_what_fails_forth_asks_nobody(ends: list[bool]) -> None:
    order = Order(FORTH)
    assert not any(order.ended(succeeded) for succeeded in ends)
