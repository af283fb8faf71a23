"""What a field may be called."""

import pytest

from policies.fields import Field, total_size


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
