"""`robot evaluate` of what is no policy says so, whatever robot the other options are of."""

from pathlib import Path

import pytest

from robot.cli import carry_out


@pytest.mark.parametrize("arguments", [
    ["NOSUCH", "--choose"],
    ["--choose", "NOSUCH"],
    ["--robot", "virtual-crazyflie", "NOSUCH", "--choose"],
    ["--lap-s", "5.5", "3.5", "NOSUCH"],
    ["--lap-s", "5.5", "35e-1", "NOSUCH"],
    ["--seed", "3", "NOSUCH", "--json", "--choose"],
    ["--seed=3", "NOSUCH", "--choose"],
])  # fmt: skip
def test_a_run_that_there_is_not_is_named(arguments: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^NOSUCH: no such policy file"):
        carry_out(["evaluate", *arguments])


def test_a_folder_without_a_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{tmp_path}.*no such policy file"):
        carry_out(["evaluate", str(tmp_path), "--choose"])
