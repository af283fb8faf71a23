"""A person who waits for a compiler is told so, once."""

import pytest
from numba import njit

from robot.views.compiling import telling_of_compiling


def test_compiling_is_said_once_and_only_where_it_happens(capsys: pytest.CaptureFixture[str]) -> None:
    doubled, halved = njit(lambda x: 2.0 * x), njit(lambda x: 0.5 * x)
    with telling_of_compiling():
        assert halved(doubled(3.0)) == 3.0
    assert capsys.readouterr().err.count("compiling the kernels, once") == 1
    with telling_of_compiling():
        assert halved(doubled(3.0)) == 3.0
    assert capsys.readouterr().err == ""
