"""`robot evaluate` of a policy that flies: in the simulator, and on devices."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import policies
from policies.actor import actor_layers, initial_weights
from policies.policy_file import save_policy
from robot.cli.evaluate import main as evaluate
from robot.robots.quadrotor import judging
from robot.robots.quadrotor.judging import load_waypoints
from robot.tasks import track_trajectory
from sim.quadrotor.model import CRAZYFLIES, QUADROTORS

ANY_QUADROTOR = Path(policies.__file__).parent / "shipped" / "any_quadrotor.npz"
HOVER = Path(__file__).parents[3] / "recordings" / "policies" / "hover.npz"


@pytest.fixture(scope="module")
def hoverer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a policy that hovers, trained for a Crazyflie 2.0."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copy(HOVER, folder / "policy.npz")
    return folder


@pytest.fixture(scope="module")
def follower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained policy that is to follow paths: it falls."""
    layers = actor_layers(track_trajectory.OBSERVATION_SIZE + 64, 4)
    path = tmp_path_factory.mktemp("run") / "policy.npz"
    weights = initial_weights(layers, np.random.default_rng(0))
    save_policy(path, weights, layers, "track_trajectory", 100.0, trained={"task": "track_trajectory"})
    return path


def test_a_run_that_hovers_is_judged_beside_the_others(hoverer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate([str(hoverer), "--episodes", "32", "--json"]) == 0
    told = capsys.readouterr()
    figures = json.loads(told.out.splitlines()[-1])
    assert figures["survival"] > 0.5
    assert set(figures["conditions"]["nominal"]) == {"policy", "PID", "LQR"}
    assert set(figures["airframes"]) == set(CRAZYFLIES)
    assert figures["airframes"]["crazyflie_2_0"]["survival"] == figures["survival"], "the one it was trained for"
    assert "a crazyflie 2 1 plus" in told.err and "a crazyflie 2 1 brushless" in told.err
    assert "a lap, s" not in told.err
    assert Path(figures["heat_map"]).stat().st_size > 20_000


def test_a_policy_with_memory_is_judged_with_every_quadrotor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ANY_QUADROTOR, tmp_path / "policy.npz")
    assert evaluate([str(tmp_path), "--episodes", "16", "--quadrotor", "x500", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(figures["airframes"]) == set(QUADROTORS) and figures["quadrotor"] == "x500"
    assert figures["survival_60_s"] == 1.0 and figures["rates_after_30_s_deg_s"] > 0.0
    assert figures["survival"] > 0.8 and figures["airframes"]["racer_5_inch"]["survival"] > 0.8


def test_a_policy_that_follows_paths_flies_them_at_the_times_asked_for(
    follower: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = tmp_path / "points.txt"
    points.write_text("0 0 0\n1, 0, 0.2\n0.5 1 0\n")
    evaluate([str(follower), "--episodes", "16", "--lap-s", "9", "6.5", "--waypoints", str(points), "--json"])
    told = capsys.readouterr()
    figures = json.loads(told.out.splitlines()[-1])
    assert figures["position_error_9_s_m"] is None, "it falls"
    assert 0.0 < figures["pid_position_error_9_s_m"] < figures["pid_position_error_6_5_s_m"]
    assert "points.txt: survival" in " ".join(told.err.split())  # a title is wrapped to the terminal
    assert all("survival_6_5_s" in figures["airframes"][name] for name in CRAZYFLIES[1:])


def test_waypoints_are_for_policies_that_follow_paths(hoverer: Path, tmp_path: Path) -> None:
    points = tmp_path / "points.txt"
    points.write_text("0 0 0\n1 0 0\n")
    with pytest.raises(ValueError, match="--waypoints: found a policy for hover, allowed: one that follows paths"):
        evaluate([str(hoverer), "--waypoints", str(points)])


@pytest.mark.parametrize("text", ["0 0\n1 1\n", "0 0 zero\n", "0 0 nan\n1 0 0\n", "0 0 0\n1 0\n"])
def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    points = tmp_path / "points.txt"
    points.write_text(text)
    with pytest.raises(ValueError, match=r"points\.txt"):
        load_waypoints(points)


def test_a_lap_takes_time(follower: Path) -> None:
    with pytest.raises((ValueError, SystemExit)):
        evaluate([str(follower), "--lap-s", "0"])


def flight(**changed: object) -> dict[str, object]:
    usual = {"task": "hover", "quadrotor": "crazyflie_2_0", "position_error_m": 0.02, "position_error_max_m": 0.05,
             "landed": True, "trouble": "", "interrupted": False}  # fmt: skip
    return usual | changed


@pytest.mark.parametrize(
    ("flights", "status", "said"),
    [
        ([flight(), flight(position_error_m=0.04)], 0, "2.0  5.0"),
        ([flight(), flight(trouble="the battery is empty")], 1, "the battery is empty"),
        ([flight(landed=False), flight()], 1, "NOT known to have landed"),
        ([flight(interrupted=True)], 130, "2.0  5.0"),
    ],
)
def test_with_a_robot_it_is_judged_by_whole_flights(
    follower: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, flights, status, said
) -> None:
    asked = []

    def run_mission(run, robot, policy_on, loss, seed, config, show, quadrotor):
        asked.append((run, robot, seed))
        return flights[len(asked) - 1]

    monkeypatch.setattr(judging, "run_mission", run_mission)
    arguments = [str(follower), "--robot", "virtual-crazyflie", "--episodes", "2", "--seed", "7", "--json"]
    assert evaluate(arguments) == status
    told = capsys.readouterr()
    figures = json.loads(told.out.splitlines()[-1])
    assert asked == [(follower, "virtual-crazyflie", 7 + k) for k in range(len(flights))]
    assert figures["judged_on"] == "virtual-crazyflie" and len(figures["flights"]) == len(flights) and said in told.err
    if status == 0:
        assert figures["survival"] == 1.0 and figures["position_error_m"] == pytest.approx(0.03)


@pytest.mark.parametrize("option", ["--lap-s=4", "--waypoints=points.txt", "--video=flight.gif"])
def test_what_only_the_simulator_does_is_refused_on_devices(follower: Path, option: str) -> None:
    with pytest.raises((ValueError, SystemExit)):
        evaluate([str(follower), "--robot", "virtual-crazyflie", option])
