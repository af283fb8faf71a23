"""Nothing reads an observation by number: its fields say where their numbers are."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("robot", "policies", "drivers", "firmware_export")
ALWAYS = {"observation", "next_observation", "observations", "next_observations"}
TASKS, TRAINING = ROOT / "robot" / "tasks", ROOT / "robot" / "robots" / "quadrotor" / "training"
# What kernels call an observation, and its adjoint, where they write or read one.
SHORT = {TASKS / "race_track": {"out", "g"}, TRAINING: {"seen", "d", "row"}}


def counted(path: Path) -> list[str]:
    """Lines that index an observation's last axis by a literal number, or cut it at one."""
    names = ALWAYS | SHORT.get(path.parent, set())
    indexed = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Subscript)]
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for node in indexed
        if name_of(node.value) in names and any(map(is_number, last_axis(node)))
    ]


def name_of(node: ast.expr) -> str:
    """The variable, attribute or field that is indexed."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return ""


def last_axis(node: ast.Subscript) -> list[ast.expr]:
    """The numbers that choose along the last axis."""
    last = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
    return [end for end in (last.lower, last.upper) if end] if isinstance(last, ast.Slice) else [last]


def is_number(node: ast.expr) -> bool:
    """Whether an index is literal, or begins with a literal: 3, -1, 3 + k."""
    if isinstance(node, ast.BinOp):
        return is_number(node.left)
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


@pytest.mark.parametrize("room", ROOMS)
def test_no_number_counts_the_places_of_an_observation(room: str) -> None:
    assert [line for path in sorted((ROOT / room).rglob("*.py")) for line in counted(path)] == []


@pytest.mark.parametrize(
    "code", ["observation[3]", "t['observation'][:, 2]", "self.observations[k, :, :3]", "observation[3 + k]"]
)
def test_the_search_finds_such_numbers(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "one.py").write_text(f"x = {code}\n")
    assert len(counted(tmp_path / "one.py")) == 1
