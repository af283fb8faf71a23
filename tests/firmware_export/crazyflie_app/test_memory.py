"""The app of a policy with memory: reset at hand-over, kept while it flies, told with the decisions, on frames of others' too."""

import re
from pathlib import Path

import numpy as np
import pytest

from firmware_export.agreed import POSITION_ERROR_MAX_M
from firmware_export.arithmetic import step
from firmware_export.crazyflie_app import app_sources, build_for_cortex_m4, build_for_host
from firmware_export.flying import full_thrust_n
from firmware_export.network import Network
from policies.policy_file import save_policy
from policies.recurrent_actor import RecurrentLayers, initial_weights
from robot.robots.quadrotor.app_of_run import write_app_of_run
from robot.robots.quadrotor.run_mission import SHIPPED
from robot.robots.quadrotor.witness import Told, Witness
from robot.tasks import hover
from robot.tasks.network_of_run import network_of_run
from sim.quadrotor.model import DATA, load_parameters
from tests.firmware_export.app_flight import AppFlight
from tests.firmware_export.crazyflie_app.bench import DRONE, Bench, put_state, some_state
from tests.firmware_export.toolchain import needs_arm_gcc

LAYERS = RecurrentLayers(22, 16, 16, 4)
STEPS_PER_DECISION = 10


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy with random weights, for any quadrotor."""
    path = tmp_path_factory.mktemp("policy") / "any.npz"
    rng = np.random.default_rng(5)
    weights = initial_weights(LAYERS, rng) + 0.3 * rng.standard_normal(2100).astype(np.float32)
    save_policy(path, weights, LAYERS, "hover", 100.0, trained={"fleet": "any"})
    return path


@pytest.fixture(scope="module")
def app(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    write_app_of_run(policy, folder, DRONE)
    build_for_host(folder)
    return folder


def seen_of(state: np.ndarray) -> np.ndarray:
    """What the policy sees of a state, normalised: (18,) float32."""
    memory, one = np.zeros(18, np.float32), np.uintp(1)
    full = tuple(np.float32(x) for x in state) + (np.float32(0.0),) * 4
    hover.observe(full, np.float32(0.0), memory, np.uintp(0), np.uintp(0), one)
    return memory


def forces_of(network: Network, states: list[np.ndarray]) -> list[np.ndarray]:
    """Shares of the greatest thrust that a flight's decisions should give, from Python's steps."""
    drone, memory, forces = load_parameters(DRONE), network.initial_memory(1), []
    action = np.full((1, 4), 2.0 * drone.hover_command() - 1.0, np.float32)
    for state in states:
        action, memory = step(network, "fma", np.concatenate([seen_of(state)[None], action], axis=1), memory)
        speed = 0.5 * (action[0] + 1.0)
        forces.append((drone.thrust_0_n + speed * (drone.thrust_1_n + speed * drone.thrust_2_n)) / full_thrust_n(drone))
    return forces


def fly(bench: Bench, states: list[np.ndarray]) -> list[np.ndarray]:
    """What the app gives for a flight of its own, armed anew, one state a decision."""
    bench.app.parameters["policy.tiltDeg"].value = 180.0
    bench.app.parameters["policy.arm"].value = 0
    bench.step()
    bench.app.parameters["policy.arm"].value = 1
    forces = []
    for state in states:
        put_state(bench, state, np.zeros(3))
        forces += [bench.step() for _ in range(STEPS_PER_DECISION)][:1]
    return forces


def states_of(seed: int, n: int) -> list[np.ndarray]:
    """States of a flight in which the nose pointed to x when it was armed."""
    states = [some_state(seed + k) for k in range(n)]
    for state in states:
        state[:3] = np.clip(state[:3], -POSITION_ERROR_MAX_M, POSITION_ERROR_MAX_M)
    states[0][3:7] = (1.0, 0.0, 0.0, 0.0)
    return states


def test_it_flies_as_python_s_steps_say_and_begins_each_flight_anew(app: Path, policy: Path) -> None:
    bench, network = Bench(app), network_of_run(policy)
    for seed in (1, 100, 1):
        states = states_of(seed, 40)
        np.testing.assert_allclose(fly(bench, states), forces_of(network, states), atol=2e-4)


def test_what_it_remembers_matters(app: Path, policy: Path) -> None:
    """The same state decides otherwise later in a flight, and as in the beginning when it is armed anew."""
    bench, states = Bench(app), states_of(7, 20)
    once = fly(bench, [*states, states[0]])
    assert np.abs(once[-1] - once[0]).max() > 0.01
    np.testing.assert_array_equal(fly(bench, states)[0], once[0])


def told_by(bench: Bench, witness: Witness) -> list[Told]:
    packets, bench.app.sent[:] = list(bench.app.sent), []
    return list(witness.take(packets))


def test_the_first_decision_of_each_flight_is_told_and_every_fiftieth(app: Path, policy: Path) -> None:
    bench, witness = Bench(app), Witness(network_of_run(policy))
    fly(bench, states_of(11, 130))
    told = told_by(bench, witness)
    assert [(each.decision, each.is_right) for each in told] == [(1, True), (50, True), (100, True)]
    fly(bench, states_of(12, 30))
    told = told_by(bench, witness)
    assert [(each.decision, each.is_right) for each in told] == [(131, True)]  # the 150th was still being told
    fly(bench, states_of(13, 90))
    assert all(each.is_right for each in told_by(bench, witness))


def test_a_memory_that_is_kept_from_flight_to_flight_is_seen(policy: Path, tmp_path: Path) -> None:
    write_app_of_run(policy, tmp_path, DRONE)
    code = tmp_path / "src" / "policy.c"
    code.write_text(code.read_text().replace("state->memory[i] = 0.0f;", "state->memory[i] *= 0.5f;"))
    build_for_host(tmp_path)
    bench, witness = Bench(tmp_path), Witness(network_of_run(policy))
    fly(bench, states_of(11, 30))
    assert [each.is_right for each in told_by(bench, witness)] == [True]
    fly(bench, states_of(11, 30))
    assert [each.is_right for each in told_by(bench, witness)] == [False]


@needs_arm_gcc
def test_it_compiles_under_the_firmware_s_flags(app: Path, tmp_path: Path) -> None:
    objects = build_for_cortex_m4(app, tmp_path)
    assert {path.stem for path in objects} == {source.stem for source in app_sources(app)}


def test_a_frame_that_nobody_here_has_seen_is_flown_by_bitcraze_s_bolt(policy: Path, tmp_path: Path) -> None:
    frame = tmp_path / "mine.toml"
    frame.write_text((DATA / "racer_5_inch.toml").read_text())
    write_app_of_run(policy, tmp_path / "app", str(frame))
    assert "CONFIG_PLATFORM_BOLT=y" in (tmp_path / "app" / "app-config").read_text()
    assert "build/bolt.bin" in (tmp_path / "app" / "README.md").read_text()
    assert build_for_host(tmp_path / "app").exists()
    write_app_of_run(policy, tmp_path / "usual")
    assert "CONFIG_PLATFORM_CF2=y" in (tmp_path / "usual" / "app-config").read_text()


def test_its_readme_says_what_is_remembered(app: Path) -> None:
    assert "The policy remembers 16 numbers" in (app / "README.md").read_text()


@pytest.mark.parametrize(("frame", "mass_kg"), [("crazyflie_2_1", "0.0322"), ("x500", "2.0"), ("racer_5_inch", "0.9")])
def test_the_shipped_policy_hovers_a_frame_that_it_never_met(frame: str, mass_kg: str, tmp_path: Path) -> None:
    """After take-off by the firmware's own controller, which is as it would be set for the frame."""
    text = re.sub("mass_kg = .*", f"mass_kg = {mass_kg}", (DATA / f"{frame}.toml").read_text())
    (tmp_path / "mine.toml").write_text(text)
    write_app_of_run(SHIPPED["any"], tmp_path / "app", str(tmp_path / "mine.toml"))
    flight = AppFlight(build_for_host(tmp_path / "app"), str(tmp_path / "mine.toml"))
    assert np.linalg.norm(flight.fly(1.0) - flight.goal, axis=1).max() < 0.1
    flight.set("arm", 1)
    assert np.linalg.norm(flight.fly(3.0)[-1000:] - flight.goal, axis=1).mean() < 0.1
    assert flight.log("active") == 1 and flight.log("fault") == 0
