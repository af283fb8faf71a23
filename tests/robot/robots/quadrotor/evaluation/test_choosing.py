"""Which policy an owner should take: measured side by side, and the least that is as good."""

from pathlib import Path

import numpy as np
import pytest

import policies
from policies.policy_file import EVERY_KIND, load_policy, save_policy
from policies.recurrent_actor import RecurrentLayers
from robot.robots.quadrotor.evaluation import choosing
from robot.robots.quadrotor.evaluation.choosing import AS_FILED, TOLD, choose, merit, recommended
from robot.robots.quadrotor.judge import FlightEvaluateConfig

ANY = Path(policies.__file__).parent / "shipped" / "any_quadrotor.npz"


def test_the_three_fly_the_same_drones_and_one_is_recommended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Crazyflie 2.1 unlike its file: half a minute's flight and two seconds of gradients halve its error."""
    monkeypatch.setattr(choosing, "HIDDEN", 1)
    shares: list[float] = []
    verdict = choose(ANY, "crazyflie_2_1", 1, 64, shares.append, tmp_path)
    figures = verdict.figures
    assert set(figures["drones"]) == {AS_FILED, "hidden 1"} and shares == [0.5, 1.0]
    of = figures["drones"]["hidden 1"]
    assert set(of) == {"any", "told", "mine"} and all(each["survival"] > 0.9 for each in of.values())
    assert of["mine"]["error_median_m"] < 0.5 * of["any"]["error_median_m"]
    assert figures["found"]["hidden 1"]["latency_s"] < 0.04
    assert figures["recommended"] in verdict.lines[0] or "practise" in verdict.lines[0]
    assert verdict.tables[0].pilots == ("any", "told", "mine") and len(verdict.tables[0].rows) == 2


def test_the_one_that_is_told_is_left_as_a_policy_that_need_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "HIDDEN", 1)
    monkeypatch.setattr(choosing, "recommended", lambda merits: "told")
    monkeypatch.setattr(choosing, "specialise", lambda weights, *rest: weights)
    run = Path(choose(ANY, "x500", 1, 8, lambda share: None, tmp_path).figures["run"])
    policy = load_policy(run / "policy.npz", "hover", 22, EVERY_KIND)
    assert policy.metadata["trained"]["told"] is False
    assert (
        isinstance(policy.layers, RecurrentLayers)
        and not (policy.weights == load_policy(ANY, kinds=EVERY_KIND).weights).all()
    )


def test_who_asks_for_less_is_taken_unless_more_is_worth_it() -> None:
    assert recommended({"any": 0.020, "told": 0.019, "mine": 0.019}) == "any"
    assert recommended({"any": 0.030, "told": 0.020, "mine": 0.019}) == "told"
    assert recommended({"any": 0.030, "told": 0.020, "mine": 0.010}) == "mine"


def test_a_lost_flight_is_a_metre() -> None:
    found = merit([{"survival": 0.9, "error_median_m": 0.02}, {"survival": 0.0, "error_median_m": None}])
    assert found == pytest.approx(0.5 * (0.1 + 0.9 * 0.02 + 1.0))


def test_a_policy_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="told nothing"):
        choose(TOLD, "x500", 0, 8, lambda share: None, tmp_path)
    plain = tmp_path / "plain.npz"
    save_policy(plain, np.zeros(23 * 64 + 65 * 64 + 65 * 8, np.float32), (22, 64, 64, 8), "hover", 100.0)
    with pytest.raises(ValueError, match="layers"):
        choose(plain, "x500", 0, 8, lambda share: None, tmp_path)


def test_options_that_do_not_go_with_it_are_refused() -> None:
    with pytest.raises(ValueError, match="--video: found it with --choose"):
        FlightEvaluateConfig(run="x", choose=True, video="a.mp4")
