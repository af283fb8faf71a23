"""The files of an exported app."""

import shutil
import subprocess

import pytest

from firmware_export.agreed import policy_id
from firmware_export.compilers import shared_library
from firmware_export.crazyflie_app import STUBS, app_sources, build_for_cortex_m4, build_for_host, write_app
from firmware_export.network import random_network
from robot.robots.quadrotor.app_of_run import figure_of_eight, trained_for, write_app_of_run
from robot.tasks.network_of_run import network_of_run
from tests.firmware_export.crazyflie_app.bench import DRONE, POLICIES
from tests.firmware_export.toolchain import needs_arm_gcc, needs_clang


def test_it_says_which_policy_it_is(apps, flight):
    assert flight.app.parameters["policy.id"].value == policy_id(network_of_run(POLICIES / "hover.npz").sha256)
    assert flight.app.parameters["policy.id"].read_only and flight.app.parameters["policy.selfOk"].read_only
    assert trained_for(POLICIES / "hover.npz") == DRONE


@pytest.mark.parametrize("task", ["hover", "track_trajectory"])
def test_the_build_names_every_source_and_the_options_it_needs(apps, task):
    assert sorted(app_sources(apps[task])) == sorted((apps[task] / "src").glob("*.c"))
    assert "CONFIG_CONTROLLER_OOT=y" in (apps[task] / "app-config").read_text()
    assert "CONFIG_APP_ENABLE=y" in (apps[task] / "app-config").read_text()
    assert "tools/make/oot.mk" in (apps[task] / "Makefile").read_text()


def test_what_an_older_app_left_in_the_folder_is_not_built(apps, tmp_path):
    write_app_of_run(POLICIES / "track_trajectory.npz", tmp_path)
    write_app_of_run(POLICIES / "hover.npz", tmp_path)
    assert (tmp_path / "src" / "path.c").exists() and build_for_host(tmp_path).exists()


def test_every_parameter_and_log_variable_is_explained(apps, flight):
    text = (apps["hover"] / "README.md").read_text()
    for name in [*flight.app.parameters, *flight.app.logs]:
        assert f"`{name}`" in text


@needs_arm_gcc
@pytest.mark.parametrize("task", ["hover", "track_trajectory"])
def test_it_compiles_under_the_firmware_s_flags(apps, tmp_path, task):
    objects = build_for_cortex_m4(apps[task], tmp_path)
    assert {path.stem for path in objects} == {source.stem for source in app_sources(apps[task])}


@needs_clang
def test_clang_has_nothing_to_say_either(apps, tmp_path):
    sources = [*app_sources(apps["track_trajectory"]), STUBS / "stub_host.c"]
    include = [STUBS, apps["track_trajectory"] / "src"]
    assert shared_library(sources, tmp_path / "app.so", compiler="clang", include=include).exists()


def test_a_policy_of_another_kind_is_refused(tmp_path):
    tracking = network_of_run(POLICIES / "track_trajectory.npz")
    with pytest.raises(ValueError, match="observation: found observation; allowed on a Crazyflie: position_error"):
        write_app(tmp_path, random_network((18, 8, 4)), DRONE)
    with pytest.raises(ValueError, match="path_acceleration; allowed"):
        write_app(tmp_path, tracking, DRONE)
    with pytest.raises(ValueError, match="drone: found 'racer_5_inch', allowed: crazyflie_2_0"):
        write_app(tmp_path, tracking, "racer_5_inch", path=figure_of_eight())
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="found no src/Kbuild"):
        build_for_host(tmp_path)


FIRMWARE = "static void powerDistributionForce(const control_t *control, ...) {{\n  {}\n}}\n"


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("motorThrustUncapped->list[i] = control->normalizedForces[i] * UINT16_MAX;", ""),
        ("// Not implemented yet", "powerDistributionForce is empty"),
        (None, "found no crazyflie-firmware there"),
    ],
)
@pytest.mark.parametrize("file", ["Makefile", "src/Kbuild"])
def test_the_build_ends_with_a_message_on_firmware_that_forgets_forces(apps, tmp_path, body, words, file):
    """Of the firmware only what the build looks at; by way of oot.mk, or of the firmware's own make."""
    if body is not None:
        mixer = tmp_path / "src" / "modules" / "src" / "power_distribution_quadrotor.c"
        mixer.parent.mkdir(parents=True)
        mixer.write_text(FIRMWARE.format(body))
        (tmp_path / "tools" / "make").mkdir(parents=True)
        (tmp_path / "tools" / "make" / "oot.mk").write_text("")
    where = [f"CRAZYFLIE_BASE={tmp_path}", f"srctree={tmp_path}"]
    made = subprocess.run(
        ["make", "-f", file, "--eval=done: ;", "done", *where], cwd=apps["hover"], capture_output=True, text=True
    )
    assert (made.returncode == 0) == (not words), made.stderr
    assert words in made.stderr
    assert "2025.12 or later" in made.stderr or "is empty" not in words
