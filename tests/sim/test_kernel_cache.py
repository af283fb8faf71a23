"""A kernel on disk is out of date when anything has changed that is compiled into it; no two processes compile it at once."""

import os
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite.binding import Linkage
from numba import njit

from policies.backup import pure_pursuit
from robot.robots.car.shield import predictive_brake
from sim import kernel_cache


def test_a_change_of_what_is_imported_is_seen_however_it_is_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "PROJECT", tmp_path)
    monkeypatch.setattr(kernel_cache, "COMPILED_BY", frozenset({tmp_path / "compiler.py"}))
    files = {
        "caller.py": "from house.middle import (\n    one,\n    two,\n)\n",
        "house/middle.py": "import house.constants\nfrom house import other\nimport math\n",
        "house/constants.py": "", "house/other.py": "", "house/unused.py": "", "compiler.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    stamps = {}
    for name in files:
        (tmp_path / name).write_text(files[name] + "# changed\n")
        kernel_cache.imported.cache_clear()
        kernel_cache.stamp.cache_clear()
        stamps[name] = kernel_cache.stamp(tmp_path / "caller.py")
        (tmp_path / name).write_text(files[name])
    kernel_cache.imported.cache_clear()
    kernel_cache.stamp.cache_clear()
    unchanged = kernel_cache.stamp(tmp_path / "caller.py")
    assert {name for name, stamp in stamps.items() if stamp == unchanged} == {"house/unused.py"}
    assert len(set(stamps.values())) == 6


def test_numba_asks_for_it_where_the_project_has_kernels():
    for module, kernel in ((predictive_brake, "filter_action"), (pure_pursuit, "pursue")):
        found = getattr(module, kernel)._cache._impl._locator
        assert type(found).__module__ == "sim.kernel_cache"
        assert found.get_source_stamp() == kernel_cache.stamp(Path(module.__file__))
    imported = kernel_cache.imported(Path(predictive_brake.__file__))
    assert kernel_cache.PROJECT / "robot/robots/car/shield/rollout.py" in imported


USER = """
import sys
import sim
import numba
from numba.core import event

@numba.njit(cache=True)
def doubled(x):
    return 2 * x

class Watch(event.Listener):
    def on_start(self, event):
        print("compiles", flush=True)
        sys.stdin.readline()

    def on_end(self, event):
        pass

numba.njit(lambda x: x)(1)  # from now on it takes no time until a kernel is looked for
event.register("numba:compile", Watch())
print("begins", flush=True)
print(doubled(4), flush=True)
"""


@pytest.fixture
def users(tmp_path):
    """Two processes that want the same kernel, the first in the middle of its compilation, the second about to ask."""
    (tmp_path / "user.py").write_text(USER)
    path = os.environ | {"PYTHONPATH": str(kernel_cache.PROJECT), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    both = []
    for said in (["begins", "compiles"], ["begins"]):
        both.append(subprocess.Popen([sys.executable, "user.py"], cwd=tmp_path, env=path, text=True, bufsize=0,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE))  # fmt: skip
        assert [both[-1].stdout.readline().strip() for _ in said] == said
    yield both
    for user in both:
        user.kill()
        user.communicate()


def test_who_comes_second_waits_for_the_first_ones_kernel_and_loads_it(users):
    first, second = users
    assert not select.select([second.stdout], [], [], 1.0)[0]
    assert first.communicate("\n")[0] == second.communicate()[0] == "8\n"


def test_where_the_first_one_dies_the_second_compiles(users):
    first, second = users
    first.kill()
    assert second.communicate("\n")[0] == "compiles\n8\n"


def test_no_other_kernel_calls_the_copies_that_a_kernel_has_of_those_it_calls():
    """Who was compiled first would decide by whose copy, and so in what order, all of them sum."""

    @njit
    def called(x):  # too much to be put where it is called
        return np.sort(x)[-1] + np.median(x)

    @njit
    def calls(x):
        return called(x) + called(2.0 * x)

    assert calls(np.linspace(0.0, 1.0, 7)) == pytest.approx(4.5)
    (compiled,) = calls.overloads.values()
    functions = [one for one in compiled.library._final_module.functions if not one.is_declaration]
    assert any(one.linkage == Linkage.internal and "called" in one.name for one in functions)
    assert not [one.name for one in functions if one.linkage == Linkage.linkonce_odr]
