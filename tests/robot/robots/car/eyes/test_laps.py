"""Laps of drivers that see: the clock, the crashes and what is asked for are right."""

import numpy as np
import pytest

from policies.actor import weight_count, weight_views
from policies.policy_file import load_policy
from robot.robots.car.eyes import laps
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.robots.car.practice import SHIPPED_POLICY
from robot.tasks.race_track.by_camera import PATHS_PER_M
from sim.tracks.built_in_tracks import built_in

COURSE = built_in("oval")


class Knowing:
    """Drives by the truth, as the policy does that comes with the project."""

    def __init__(self, encoder: bytes, weights: np.ndarray, cars: int, slower: float, layers: tuple[int, ...]) -> None:
        policy = load_policy(SHIPPED_POLICY)
        self.layers = weight_views(policy.weights, policy.layers)

    def act(self, fleet) -> np.ndarray:
        (a, b), (c, d), (e, f) = self.layers
        return np.tanh((np.tanh(np.tanh(fleet.observation @ a + b) @ c + d) @ e + f)[:, :2])


class KnowingAndSeeing(Knowing):
    def act(self, fleet) -> np.ndarray:
        self.free_m = fleet.free_m()
        return super().act(fleet)


class Blind(Knowing):
    def act(self, fleet) -> np.ndarray:
        self.free_m = np.zeros((len(fleet.observation), len(PATHS_PER_M)), np.float32)
        return np.tile(np.array([0.0, 0.5], np.float32), (len(fleet.observation), 1))


def test_who_knows_the_place_drives_its_known_laps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laps, "SeeingDriver", Knowing)
    found = laps.drive_laps(b"", np.zeros(0), [COURSE], 8, 20.0, 0)
    figures = found.figures()
    assert figures["crashes"] == 0 and figures["cars_without_crash"] == 1.0
    assert 16 <= figures["laps"] <= 32
    assert 1.0 < figures["ratio"] < 1.12
    assert found.ratios.std() < 0.05


def test_who_sees_nothing_crashes_and_does_no_lap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laps, "SeeingDriver", Blind)
    figures = laps.drive_laps(b"", np.zeros(0), [COURSE], 8, 10.0, 0).figures()
    assert figures["crashes"] >= 16 and figures["laps"] == 0 and figures["ratio"] is None
    assert figures["crashes_per_car_minute"] == pytest.approx(figures["crashes"] * 6 / 8, abs=0.001)
    assert figures["crashes_at_tape"] < figures["crashes"]


def test_sight_lets_those_drive_who_see_all_and_slows_down_those_who_see_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(laps, "SeeingDriver", KnowingAndSeeing)
    knowing = laps.drive_laps(b"", np.zeros(0), [COURSE], 8, 20.0, 0, behind="sight").figures()
    assert knowing["crashes"] == 0 and 1.0 < knowing["ratio"] < 1.2
    monkeypatch.setattr(laps, "SeeingDriver", Blind)
    alone, held = (
        laps.drive_laps(b"", np.zeros(0), [COURSE], 8, 10.0, 0, behind=how).figures() for how in ("nothing", "sight")
    )
    assert held["shield_changed"] == 1.0 and held["crashes"] < 0.4 * alone["crashes"]


def test_crashes_are_told_by_the_time_between_walls_and_along_tape() -> None:
    seen = laps.SeenLaps(np.zeros(0), np.zeros(0, bool), np.array([3, 0, 2, 1]), 4, 2.0, 1.6, 0.0)
    figures = seen.figures()
    assert figures["crashes_per_car_minute"] == 0.75
    assert figures["crashes_per_car_minute_tape"] == 2.5 and figures["crashes_per_car_minute_walls"] == 0.312
    without = laps.SeenLaps(np.zeros(0), np.zeros(0, bool), np.array([3]), 0, 2.0, 0.0, 0.0).figures()
    assert without["crashes_per_car_minute_tape"] is None and without["crashes_per_car_minute_walls"] == 1.5


def test_slower_asks_for_a_share_of_the_speed() -> None:
    torch = pytest.importorskip("torch")
    from policies.encoder import Encoder, onnx_file
    from robot.robots.car.eyes.fleet import SeeingFleet
    from robot.tasks.race_track.task import target
    from sim.camera.looks import draw_looks

    torch.manual_seed(0)
    encoder = onnx_file(Encoder(16, 32, 1, 64, len(PATHS_PER_M)))
    weights = np.random.default_rng(0).normal(0.0, 0.1, weight_count(LAYERS)).astype(np.float32)
    fleet = SeeingFleet([COURSE], 4, 0, draw_looks(2, 0, 32, 16, colour=False))
    full, slow = (laps.SeeingDriver(encoder, weights, 4, share).act(fleet) for share in (1.0, 0.7))
    for a, b in zip(full, slow, strict=True):
        assert target(*b)[1] == pytest.approx(0.7 * target(*a)[1], abs=1e-3) and a[0] == b[0]
