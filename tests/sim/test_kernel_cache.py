"""A kernel on disk is out of date when anything has changed that is compiled into it."""

from pathlib import Path

from policies.backup import pure_pursuit
from robot.robots.car.shield import predictive_brake
from sim import kernel_cache


def test_a_change_of_what_is_imported_is_seen_however_it_is_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, "PROJECT", tmp_path)
    files = {
        "caller.py": "from house.middle import (\n    one,\n    two,\n)\n",
        "house/middle.py": "import house.constants\nfrom house import other\nimport math\n",
        "house/constants.py": "", "house/other.py": "", "house/unused.py": "",
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
    assert len(set(stamps.values())) == 5


def test_numba_asks_for_it_where_the_project_has_kernels():
    for module, kernel in ((predictive_brake, "filter_action"), (pure_pursuit, "pursue")):
        found = getattr(module, kernel)._cache._impl._locator
        assert type(found).__module__ == "sim.kernel_cache"
        assert found.get_source_stamp() == kernel_cache.stamp(Path(module.__file__))
    imported = kernel_cache.imported(Path(predictive_brake.__file__))
    assert kernel_cache.PROJECT / "robot/robots/car/shield/rollout.py" in imported
