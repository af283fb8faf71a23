"""What a field may be called."""

import numpy as np
import pytest

from policies.fields import Field, bounds, mirror_of, slices, total_size


@pytest.mark.parametrize("name", ["Position", "past actions", "2nd", "größe"])
def test_a_name_that_c_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="field name"):
        Field(name, 3, "m")


@pytest.mark.parametrize(("size", "scale"), [(0, 1.0), (3, 0.0)])
def test_a_field_of_nothing_is_refused(size: int, scale: float) -> None:
    with pytest.raises(ValueError, match="field place: found"):
        Field("place", size, "m", scale)


def test_sizes_add_up() -> None:
    assert total_size((Field("place", 3, "m"), Field("speed", 1, "m/s"))) == 4


PLACE, WAY, TURN = (
    Field("place", 3, "m", 2.0, 1.0),
    Field("way", 4, "m", mirror=(2, 1)),
    Field("turn", 1, "rad/s", mirror=(-1,)),
)


def test_numbers_are_found_by_name() -> None:
    assert slices((PLACE, TURN)) == {"place": slice(0, 3), "turn": slice(3, 4)}
    with pytest.raises(ValueError, match="field place: found it twice"):
        slices((PLACE, PLACE))


def test_bounds_are_what_the_policy_sees() -> None:
    low, high = bounds(
        (Field("place", 2, "m", 2.0, 1.0, low=-1.0, high=3.0), Field("turn", 1, "1", -1.0, low=0.0, high=5.0))
    )
    np.testing.assert_array_equal([low, high], [[-4.0, -4.0, -5.0], [4.0, 4.0, 0.0]])


def test_a_mirror_swaps_and_turns() -> None:
    mirror = mirror_of((PLACE, WAY, TURN), (TURN,))
    assert mirror.columns.tolist() == [0, 1, 2, 4, 3, 6, 5, 7]
    assert mirror.sign.tolist() == [1.0] * 7 + [-1.0] and mirror.action_sign.tolist() == [-1.0]
    with pytest.raises(ValueError, match="action fields"):
        mirror_of((PLACE,), (WAY,))


@pytest.mark.parametrize(("mirror", "size"), [((2,), 1), ((1, 1), 2), ((2, 1), 3)])
def test_a_mirror_that_loses_numbers_is_refused(mirror: tuple[int, ...], size: int) -> None:
    with pytest.raises(ValueError, match="field way: found mirror"):
        Field("way", size, "m", mirror=mirror)


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="field way: found low 1"):
        Field("way", 1, "m", low=1.0, high=1.0)
