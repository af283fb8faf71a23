"""`robot export`, as a person calls it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from firmware_export.c_source import c_source
from firmware_export.network import random_network
from policies.actor import weight_count
from policies.policy_file import save_policy
from robot.cli.export import main
from robot.tasks.network_of_run import network_of_run
from tests.firmware_export.toolchain import needs_arm_gcc

FIGURES = {"bit_equal", "vectors", "instructions", "instructions_constant", "cycles_model", "flash_bytes", "ram_bytes",
           "stack_bytes", "torch_error", "selftest_flips", "selftest_flips_missed"}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with an untrained policy that hovers."""
    layers = (18 + 16, 8, 8, 8)
    weights = np.random.default_rng(0).normal(0.0, 0.3, weight_count(layers)).astype(np.float32)
    save_policy(
        tmp_path / "run" / "policy.npz", weights, layers, "hover", 100.0, trained={"quadrotor": "crazyflie_2_0"}
    )
    return tmp_path / "run"


def figures(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_onnx_is_compared_with_torch_at_once(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), "--to", "onnx", "--json"]) == 0
    found = figures(capsys)
    assert found["torch_error"] <= 1e-6
    assert found["observations"] >= 10_000
    assert found["sha256"] == network_of_run(run).sha256
    onnx.checker.check_model(onnx.load(run / "export" / "onnx" / "policy.onnx"))


@needs_arm_gcc
@pytest.mark.parametrize("to", ["c", "crazyflie"])
def test_c_is_proved_if_that_is_asked(to: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), "--to", to, "--kernel", "muladd", "--verify", "--json"]) == 0
    found = figures(capsys)
    assert found.keys() >= FIGURES
    assert found["kernel"] == "muladd"
    assert found["bit_equal"] is True
    assert found["instructions_constant"] is True
    assert found["vectors"] >= 1000
    assert found["selftest_flips"] == 1000
    assert found["selftest_flips_missed"] == 0


def test_a_module_of_px4_is_for_the_frame_that_it_was_trained_for_or_a_usual_one(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hover_action(*arguments: str) -> str:
        assert main([*arguments, "--to", "px4", "--out", str(tmp_path / "px4"), "--json"]) == 0
        assert figures(capsys)["module"] == str(tmp_path / "px4")
        header = (tmp_path / "px4" / "src" / "modules" / "mc_policy" / "policy_app.h").read_text()
        return next(line for line in header.splitlines() if "HOVER_ACTION" in line)

    any_policy = str(Path(__file__).parents[3] / "policies" / "shipped" / "any_quadrotor.npz")
    usual, racer = hover_action(any_policy), hover_action(any_policy, "--drone", "racer_5_inch")
    assert usual == hover_action(any_policy, "--drone", "x500") != racer
    assert hover_action(str(run)) not in (usual, racer)


def test_a_module_of_px4_is_refused_for_a_drone_that_its_policy_has_not_learned_to_fly(
    run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="--drone: found x500, allowed with this policy: crazyflie_2_0"):
        main([str(run), "--to", "px4", "--drone", "x500", "--out", str(tmp_path / "px4")])
    assert not (tmp_path / "px4").exists()
    assert main([str(run), "--to", "px4", "--out", str(tmp_path / "px4")]) == 0
    assert "It has learned to fly: crazyflie_2_0." in (tmp_path / "px4" / "README.md").read_text()


@needs_arm_gcc
def test_a_proof_that_fails_is_told_and_no_success(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(network_of_run(run), layers=random_network((34, 8, 8, 4)).layers)
    monkeypatch.setattr("firmware_export.verify.c_source", lambda _, kernel: c_source(other, kernel))
    assert main([str(run), "--verify"]) == 1
    assert "NOT proved" in capsys.readouterr().err


def test_without_a_compiler_c_is_written_but_not_proved(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    out = tmp_path / "elsewhere"
    assert main([str(run / "policy.npz"), "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["policy.c", "policy.h"]
    assert network_of_run(run).sha256 in (out / "policy.h").read_text()
    with pytest.raises(ValueError, match="apt-get install"):
        main([str(run), "--out", str(out), "--verify"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "onnx", "--kernel", "int8"], "--kernel: found int8"),
        (["--to", "c", "--drone", "crazyflie_2_0"], "--drone: found 'crazyflie_2_0'"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    arguments: list[str], told: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main([str(run), *arguments])
    assert exited.value.code == 2
    assert told in capsys.readouterr().err


def test_a_policy_that_no_drone_can_fly_leaves_nothing_behind(tmp_path: Path) -> None:
    layers = (50, 8, 8, 4)
    save_policy(
        tmp_path / "car.npz", np.zeros(weight_count(layers), np.float32), layers, "race_track", 10.0,
        trained={"quadrotor": "crazyflie_2_0"},
    )  # fmt: skip
    for to, where in (("crazyflie", "on a Crazyflie"), ("px4", "with PX4")):
        with pytest.raises(ValueError, match=f"allowed {where}"):
            main([str(tmp_path / "car.npz"), "--to", to])
    assert [path.name for path in tmp_path.iterdir()] == ["car.npz"]


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"found no .*nowhere"):
        main([str(tmp_path / "nowhere")])
