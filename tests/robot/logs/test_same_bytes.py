"""A log replays to the byte on any processor: what decides uses nothing whose last bits depend on the machine.

NumPy's vectorised functions have kernels by processor, SciPy's C is fused differently by compilers for ARM, BLAS and
LAPACK choose both kernels and order, and hypot is rounded otherwise by every libm. Additions, multiplications,
divisions and square roots are exact everywhere, and so are the scalar functions of `math`, which Numba calls too.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processors import PLAIN_NUMPY

ROOT = Path(__file__).parents[3]
PACKAGES = ("robot", "policies", "drivers", "sim", "firmware_export")
REPLAY = (
    "robot.logs.replay", "robot.robots.car.mind", "robot.robots.car.eyes.mind", "robot.robots.car.setup", "robot.robots.quadrotor.mind", "robot.tasks.hover",
    "robot.tasks.track_trajectory", "robot.robots.arm.robot",
)  # fmt: skip  # and all that these import
IN_SETUP = {("policies/actor.py", "np.linalg.qr")}  # first weights, which a log carries
IN_TRAINING = {  # functions that no flight calls
    ("robot/tasks/track_trajectory.py", "random_path"),
    ("robot/tasks/track_trajectory.py", "through_waypoints"),
    ("sim/quadrotor/batch.py", "reset"),
    ("firmware_export/network.py", "forward"),
    ("firmware_export/network.py", "random_network"),
    ("firmware_export/arithmetic.py", "dense_int8"),  # whole numbers: exact in any order
}

VECTORISED = {
    "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt", "cos", "cosh", "deg2rad",
    "degrees", "exp", "exp2", "expm1", "float_power", "log", "log10", "log1p", "log2", "logaddexp", "pow", "power", "rad2deg",
    "radians", "sin", "sinc", "sinh", "tan", "tanh", "unwrap",
}  # fmt: skip
ANYWHERE = {
    "convolve", "correlate", "corrcoef", "cov", "dot", "einsum", "fft", "hypot", "inner", "linalg", "matmul", "polyfit",
    "tensordot", "vdot", "vecdot",
}  # fmt: skip
SCIPY = {  # comparisons and whole numbers alone
    "binary_erosion", "binary_fill_holes", "cKDTree", "connected_components", "coo_array", "distance_transform_edt", "find_objects",
    "label",
}  # fmt: skip


def file_of(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imported(tree: ast.AST) -> Iterator[str]:
    """All that a module imports when it runs, at its head or later."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        yield from (f"{tree.module}.{alias.name}" for alias in tree.names)
        yield str(tree.module)
    for child in ast.iter_child_nodes(tree):
        yield from imported(child)


def replayed() -> list[Path]:
    """The files that decide, or help to."""
    found: set[Path] = set()
    waiting = list(REPLAY)
    while waiting:
        file = file_of(waiting.pop())
        if file is not None and file not in found:
            found.add(file)
            waiting += [name for name in imported(ast.parse(file.read_text())) if name.split(".")[0] in PACKAGES]
    return sorted(found)


def unequal(tree: ast.AST, compiled: bool = False) -> Iterator[tuple[int, str]]:
    """(line, what) of all that may differ between processors; in `compiled` functions NumPy's names are libm's scalars."""
    if isinstance(tree, ast.FunctionDef):
        compiled = compiled or any("njit" in ast.unparse(decorator) for decorator in tree.decorator_list)
    line = getattr(tree, "lineno", 0)
    if isinstance(tree, ast.ImportFrom) and str(tree.module).split(".")[0] == "scipy":
        yield from ((line, f"{tree.module}.{alias.name}") for alias in tree.names if alias.name not in SCIPY)
    elif isinstance(tree, ast.Import):
        yield from ((line, alias.name) for alias in tree.names if alias.name.split(".")[0] == "scipy" != alias.name)
    elif isinstance(tree, ast.Attribute) and re.fullmatch(r"scipy(\.\w+)+", ast.unparse(tree)):
        if tree.attr not in SCIPY:
            yield line, ast.unparse(tree)
        return
    elif isinstance(tree, ast.ImportFrom) and tree.module in ("math", "numpy"):
        yield line, f"from {tree.module} import"  # would hide which function is called
    elif isinstance(tree, ast.Attribute):
        name = ast.unparse(tree)
        where, *rest = name.split(".")
        if where == "np" and len(rest) > 0 and (rest[0] in ANYWHERE or (rest[0] in VECTORISED and not compiled)):
            if not (rest[0] == "linalg" and len(rest) == 1):  # named with its function, by the node around it
                yield line, name
        elif (where == "math" and rest[0] in ("hypot", "dist")) or tree.attr == "dot":
            yield line, name
    elif isinstance(tree, ast.BinOp | ast.AugAssign) and isinstance(tree.op, ast.MatMult):
        yield line, "@"
    elif isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow) and not compiled:
        if not (isinstance(tree.right, ast.Constant) and tree.right.value == 2):
            yield line, f"** {ast.unparse(tree.right)}"
    elif isinstance(tree, ast.Constant) and isinstance(tree.value, complex):
        yield line, "complex numbers"
    for child in ast.iter_child_nodes(tree):
        yield from unequal(child, compiled)


def decides(file: Path) -> ast.AST:
    """A file without its functions that only training calls."""
    place, tree = str(file.relative_to(ROOT)), ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            node.body = [each for each in node.body if (place, getattr(each, "name", "")) not in IN_TRAINING]
    return tree


def test_the_mind_is_looked_through() -> None:
    names = {str(file.relative_to(ROOT)) for file in replayed()}
    assert {
        "robot/robots/car/mind.py",
        "robot/robots/car/estimation/mapless.py",
        "sim/tracks/track_map.py",
        "policies/actor.py",
        "robot/robots/quadrotor/host_policy.py",
        "robot/robots/quadrotor/mission.py",
        "sim/quadrotor/model.py",
    } <= names


def test_nothing_that_decides_depends_on_the_processor() -> None:
    found = [(str(file.relative_to(ROOT)), line, what) for file in replayed() for line, what in unequal(decides(file))]
    assert [entry for entry in found if (entry[0], entry[2]) not in IN_SETUP] == []


@pytest.mark.parametrize("code", [
    "np.hypot(x, y)", "math.hypot(x, y)", "math.dist(x, y)", "np.arctan2(y, x)", "np.fft.fft(x)", "x**1.5", "x**4", "a @ b",
    "a @= b", "a.dot(b)", "np.linalg.solve(a, b)", "from scipy.ndimage import gaussian_filter1d", "import scipy.interpolate",
    "scipy.ndimage.gaussian_filter1d(x)", "ndimage = scipy.ndimage",
    "from math import hypot", "x + 1j * y", "np.abs(x) + np.exp(x)", "np.unwrap(x)", "list(map(np.sin, x))",
    "@njit(cache=True)\ndef f(x):\n    return math.hypot(x, x)", "@njit\ndef f(a, b):\n    return np.dot(a, b)",
])  # fmt: skip
def test_what_depends_on_the_processor_is_found(code: str) -> None:
    assert list(unequal(ast.parse(code)))


@pytest.mark.parametrize("code", [
    "np.sqrt(x**2 + y**2)", "math.atan2(y, x)", "np.abs(x)", "@njit(cache=True)\ndef f(x):\n    return np.arctan(x) ** 1.5",
    "from scipy.ndimage import label", "import scipy", "scipy.sparse.csgraph.connected_components(x)",
])  # fmt: skip
def test_what_is_the_same_everywhere_may_be_used(code: str) -> None:
    assert not list(unequal(ast.parse(code)))


def test_drives_and_a_flight_replay_on_a_processor_without_vector_kernels(tmp_path: Path) -> None:
    for name in ("mapless", "scratch", "flight"):
        (tmp_path / name).symlink_to(ROOT / "tests" / "recordings" / name)
    replay = "from robot.cli import main; main()", "replay", str(tmp_path), "--junit", str(tmp_path / "replay.xml")
    done = subprocess.run([sys.executable, "-c", *replay], env=os.environ | PLAIN_NUMPY, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "3 logs: 3 equal" in done.stderr
