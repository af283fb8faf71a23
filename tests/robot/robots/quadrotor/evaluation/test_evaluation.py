"""Judging: flights are what their arguments say, classical controllers survive them, figures are what they are called."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from policies.actor import actor_layers, initial_weights, weight_views
from policies.backup.cascaded_pid import CascadedPid
from policies.backup.lqr import Lqr
from robot.robots.quadrotor.evaluation import evaluation
from robot.robots.quadrotor.evaluation import judgement as judging
from robot.robots.quadrotor.evaluation.evaluation import (
    Conditions,
    Feedback,
    Flights,
    Network,
    evaluate,
    wilson_interval,
)
from robot.robots.quadrotor.evaluation.heat_map import heat_map
from robot.robots.quadrotor.evaluation.judgement import (
    CHANGES,
    DELAYS_S,
    MORE_DELAY_S,
    NOMINAL,
    VARIED,
    Judgement,
    delayed,
    judge,
    pilots_for,
    standard_conditions,
)
from robot.robots.quadrotor.evaluation.scores import judgement_scores
from robot.robots.quadrotor.evaluation.video import frames, save_video
from robot.tasks import hover, track_trajectory
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.model import FACTORS, N_ROTORS, N_STATE, load_parameters

QUADROTOR = load_parameters()


def pilot(controller):
    return Feedback(lambda n: controller(QUADROTOR, n))


@pytest.mark.parametrize(("controller", "survival", "error_m"), [(CascadedPid, 0.96, 0.02), (Lqr, 0.97, 0.005)])
def test_classical_controllers_hover_from_the_tasks_starts(controller, survival, error_m):
    flights = evaluate(pilot(controller), seed=1, episodes=500)
    assert flights.survival_bound > survival
    assert flights.mean(flights.position_error_m) < error_m
    assert flights.mean(flights.action_change) < 0.01
    tired = evaluate(pilot(controller), Conditions(QUADROTOR.scaled(battery=7.0 / 7.4)), 1, 200)
    assert tired.survival > 0.9


class Witness(Feedback):
    """A regulator that remembers how far from its set-point it last saw each drone, m."""

    def act(self, observation, actions):
        self.apart_m = np.linalg.norm(self.scale[:3] * observation[:3], axis=0)
        super().act(observation, actions)


@pytest.mark.parametrize("task", [hover, track_trajectory])
def test_the_position_error_is_from_the_set_point_of_the_same_moment(task, monkeypatch):
    monkeypatch.setattr(evaluation, "TAIL", 1)
    sharp, found = Conditions(noise=SensorNoise(0.0, 0.0, 0.0, 0.0)), []
    witness = Witness(lambda n: Lqr(QUADROTOR, n), task)
    for decisions in (20, 21):
        monkeypatch.setattr(evaluation, "DECISIONS", decisions)
        found.append(evaluate(witness, sharp, seed=3, episodes=16, task=task))
    assert found[0].survived.all()
    np.testing.assert_allclose(found[0].position_error_m, witness.apart_m[:16], rtol=1e-4, atol=1e-5)


def test_effort_and_changes_are_those_of_the_actions():
    flights = evaluate(pilot(Lqr), seed=1, episodes=16, keep=16)
    tail = flights.actions[-evaluation.TAIL - 1 :]
    effort = np.sqrt(((tail[1:] - (2.0 * QUADROTOR.hover_command() - 1.0)) ** 2).mean(axis=(0, 2)))
    np.testing.assert_allclose(flights.effort, effort, rtol=1e-3)
    np.testing.assert_allclose(flights.action_change, np.abs(np.diff(tail, axis=0)).mean(axis=(0, 2)), rtol=1e-3)


def test_the_same_arguments_give_the_same_flights_and_another_seed_gives_others():
    one, same, other = (evaluate(pilot(Lqr), seed=seed, episodes=32) for seed in (5, 5, 6))
    assert one.position_error_m.tobytes() == same.position_error_m.tobytes()
    assert one.position_error_m.tobytes() != other.position_error_m.tobytes()


def test_a_network_sees_the_observation_with_the_newest_action_first():
    layers = actor_layers(hover.OBSERVATION_SIZE + 8 * N_ROTORS, N_ROTORS)
    weights = initial_weights(layers, np.random.default_rng(0))
    network = Network(weights, layers)
    flights = evaluate(network, Conditions(noise=SensorNoise(0.0, 0.0, 0.0, 0.0)), seed=2, episodes=16, keep=16)
    decision = 9
    state, past = flights.states[decision], flights.actions[decision - 8 : decision][::-1]
    seen = np.zeros((16, hover.OBSERVATION_SIZE), np.float32)
    for drone in range(16):
        hover.observe.py_func(tuple(state[drone]), 0.0, seen[drone], np.uintp(0), np.uintp(0), np.uintp(1))
    x = np.concatenate([seen, *past], axis=1)
    views = weight_views(weights, layers)
    for matrix, bias in views:
        x = np.tanh(x @ matrix + bias)
    np.testing.assert_allclose(x[:, :N_ROTORS], flights.actions[decision], atol=1e-5)


def test_a_network_of_another_task_is_refused():
    layers = actor_layers(37, N_ROTORS)
    with pytest.raises(ValueError, match="past action"):
        Network(np.zeros(1), layers)


def test_wilsons_interval_is_that_of_published_examples():
    """Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3."""
    for successes, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
                                    (1, 29, 0.0061, 0.1718)):  # fmt: skip
        assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_means_are_over_survivors():
    values = np.array([1.0, 5.0, 3.0], np.float32)
    kept = np.empty((0, 0, N_STATE), np.float32), np.empty((0, 0, N_ROTORS), np.float32)
    flights = Flights(np.array([True, False, True]), values, values, values, *kept)
    assert flights.mean(flights.effort) == 2.0
    assert replace(flights, survived=np.zeros(3, bool)).figures()["effort"] is None


def test_conditions_change_what_they_say():
    nominal = Conditions(QUADROTOR)
    under = standard_conditions(nominal, ["crazyflie_2_1", "crazyflie_2_1_plus"], expected_latency_s=0.03)
    assert under["delay of 50 ms"].quadrotor.latency_s == pytest.approx(0.05)
    assert under["a crazyflie 2 1"].quadrotor == load_parameters("crazyflie_2_1")
    assert under["a crazyflie 2 1 plus"].quadrotor == load_parameters("crazyflie_2_1_plus")
    wide = under["mass, thrust, inertia, motor delay ±30 %"].randomisation
    assert all(getattr(wide, name) == (0.3 if name in VARIED else 0.0) for name in FACTORS)
    assert under["battery 7.0 V of 7.4 V"].quadrotor.battery_v == pytest.approx(QUADROTOR.battery_v * 7.0 / 7.4)
    assert wide.force_share == nominal.randomisation.force_share
    assert delayed(QUADROTOR, 0.01).latency_s == pytest.approx(0.01)


@pytest.mark.parametrize("episodes", [12, 11])
def test_everyone_is_judged_under_every_condition_and_every_single_change(episodes, monkeypatch):
    flown, told = [], []

    def fly(who, under, seed, flights, task):
        flown.append((who, under.quadrotor, flights))
        none = np.zeros(flights, np.float32)
        return Flights(np.arange(flights) > 0, none, none, none, none, none)

    monkeypatch.setattr(judging, "evaluate", fly)
    nominal, pilots = Conditions(QUADROTOR), {"policy": "ours", "PID": "theirs"}
    judgement = judge(pilots, nominal, ["crazyflie_2_1"], 0.02, 1, episodes, hover, told.append)
    assert list(judgement.conditions) == list(standard_conditions(nominal, ["crazyflie_2_1"], 0.02))
    assert all(list(by_pilot) == list(pilots) for by_pilot in judgement.conditions.values())
    changed = [quadrotor for who, quadrotor, flights in flown if who == "ours" and flights == 6]
    assert len(changed) == len(VARIED) * len(CHANGES) + len(DELAYS_S)
    assert [one.mass_kg / QUADROTOR.mass_kg for one in changed[:7]] == pytest.approx([1.0 + share for share in CHANGES])
    assert [one.latency_s - QUADROTOR.latency_s for one in changed[-7:]] == pytest.approx(DELAYS_S)
    assert max(one.latency_s for _, one, flights in flown if flights == episodes) == pytest.approx(0.02 + MORE_DELAY_S)
    assert judgement.breakdown["PID"]["thrust"] == pytest.approx([5 / 6] * len(CHANGES))
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)


@pytest.fixture
def judgement():
    figures = {
        "survival": 0.995,
        "survival_bound": 0.988,
        "position_error_m": 0.015,
        "action_change": 0.01,
        "effort": 0.1,
    }
    none = {"survival": 0.0, "survival_bound": 0.0, "position_error_m": None, "action_change": None, "effort": None}
    rows = dict.fromkeys(("mass", "thrust", "inertia", "motor_delay"), [1.0] * len(CHANGES))
    shares = rows | {"thrust": [0.7] + [1.0] * (len(CHANGES) - 1), "delay": [1.0] * (len(DELAYS_S) - 1) + [0.8]}
    return Judgement({NOMINAL: {"policy": figures, "PID": none}}, {"policy": shares, "PID": shares})


def test_tables_and_heat_map_show_what_was_found(judgement):
    assert judgement.worst("policy") == ("thrust -30 %", 0.7)
    console = Console(file=io.StringIO(), record=True, width=80)
    for scores in judgement_scores(judgement, 1000):
        console.print(scores.as_table())
    text = console.export_text()
    assert all(word in text for word in ("99.5", "98.8", "1.50", "thrust -30 %", "+60 ms", "motor delay"))
    figure = heat_map(judgement, "a title")
    shown = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert shown.count("70.0") == 2 and shown.count("80.0") == 2


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_a_flight_becomes_a_video_of_its_length(tmp_path, suffix):
    if suffix == ".mp4":
        cv2 = pytest.importorskip("cv2")
    pilots = {name: found for name, found in pilots_for(pilot(Lqr), QUADROTOR, hover).items() if name != "policy"}
    flights = {name: evaluate(found, seed=1, episodes=16, keep=1) for name, found in pilots.items()}
    shown = {name: (flown.states[:40, 0], flown.actions[:40, 0]) for name, flown in flights.items()}
    path = tmp_path / f"flight{suffix}"
    save_video(path, frames(shown, QUADROTOR))
    if suffix == ".mp4":
        video = cv2.VideoCapture(str(path))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 10 and video.get(cv2.CAP_PROP_FPS) == pytest.approx(25.0)
    else:
        from PIL import Image

        assert Image.open(path).n_frames == 10
    with pytest.raises(ValueError, match="allowed: a name"):
        save_video(tmp_path / "flight.avi", [])
