"""Fleets: what is drawn is what the file says, and a file that says nonsense is refused by field."""

from pathlib import Path

import numpy as np
import pytest

from sim.quadrotor.fleets import FILE, Drawn, fleet_names, load_fleet
from sim.quadrotor.model import (
    GRAVITY_M_S2,
    P_ARM_Y,
    P_BATTERY,
    P_FORCE_X,
    P_INVERSE_FALL,
    P_INVERSE_INERTIA_X,
    P_INVERSE_INERTIA_Z,
    P_INVERSE_MASS,
    P_INVERSE_RISE,
    P_LATENCY,
    P_SAG,
    P_THRUST_0,
    P_TORQUE_PER_THRUST,
    QUADROTORS,
)


def drawn(name: str, n: int = 4000) -> tuple[Drawn, np.ndarray, np.ndarray]:
    """A fleet's drones, their thrust to weight, and their torque to inertia, rad/s^2."""
    drones = load_fleet(name).draw(n, np.random.default_rng(1))
    p = drones.parameters
    full_n = p[:, P_THRUST_0 : P_THRUST_0 + 3].sum(axis=1)
    torque_n_m = np.sqrt(2.0) * p[:, P_ARM_Y] * full_n  # as the published code counts it
    return drones, 4.0 * full_n * p[:, P_INVERSE_MASS] / GRAVITY_M_S2, torque_n_m * p[:, P_INVERSE_INERTIA_X]


def within(values: np.ndarray, low: float, high: float) -> bool:
    """In the range, and all over it."""
    inside = values.min() >= low * (1 - 1e-9) and values.max() <= high * (1 + 1e-9)
    return bool(inside and np.ptp(values) > 0.9 * (high - low))


def test_the_published_fleet_is_as_published() -> None:
    drones, thrust_to_weight, torque_to_inertia = drawn("published")
    p = drones.parameters
    assert within(thrust_to_weight, 1.5, 5.0) and within(torque_to_inertia, 40.0, 1200.0)
    assert within(1.0 / p[:, P_INVERSE_MASS], 0.02, 5.0) and within(p[:, P_TORQUE_PER_THRUST], 0.005, 0.05)
    assert within(1.0 / p[:, P_INVERSE_RISE], 0.03, 0.1) and within(1.0 / p[:, P_INVERSE_FALL], 0.03, 0.3)
    np.testing.assert_allclose(p[:, P_INVERSE_INERTIA_X] / p[:, P_INVERSE_INERTIA_Z], 1.854)
    weight_n = GRAVITY_M_S2 / p[:, P_INVERSE_MASS]
    assert (p[:, P_FORCE_X : P_FORCE_X + 3] / weight_n[:, None]).std() == pytest.approx(0.05, rel=0.05)
    assert not p[:, P_LATENCY].any() and not p[:, P_SAG].any() and (p[:, P_BATTERY] == 1.0).all()


def test_the_fleet_to_train_on_has_vices_that_the_published_one_has_not() -> None:
    drones, thrust_to_weight, _ = drawn("any")
    p = drones.parameters
    assert thrust_to_weight.min() < 1.4 and thrust_to_weight.max() > 5.9
    assert within(p[:, P_LATENCY], 0.0, 0.02) and load_fleet("any").latest_s == 0.02
    assert 0.0 < (p[:, P_SAG] > 0.0).mean() < 0.3 and drones.gust_n.max() > 0.0
    assert 0.0 < (p[:, P_INVERSE_RISE] == 200.0).mean() < 0.05  # rotors without lag
    assert within(drones.noise[:, 0], 0.001, 0.003) and within(drones.noise[:, 2], 0.002, 0.02)
    curves = p[:, P_THRUST_0 : P_THRUST_0 + 3] / p[:, P_THRUST_0 : P_THRUST_0 + 3].sum(axis=1, keepdims=True)
    assert curves[:, 1].max() > 0.3 and curves[:, 2].max() > 1.0  # from nearly linear to more than square


def test_every_drone_of_every_fleet_can_carry_itself() -> None:
    for name in fleet_names():
        drones, thrust_to_weight, torque_to_inertia = drawn(name, 500)
        assert np.isfinite(drones.parameters).all() and thrust_to_weight.min() > 1.2 and torque_to_inertia.min() > 19.0


def test_each_drone_beyond_is_outside_in_one_quantity() -> None:
    drones, thrust_to_weight, torque_to_inertia = drawn("beyond")
    p = drones.parameters
    outside = np.stack([
        (thrust_to_weight < 1.35 + 1e-9) | (thrust_to_weight > 6.0 - 1e-9),
        (torque_to_inertia < 35.0 + 1e-9) | (torque_to_inertia > 1800.0 - 1e-9),
        p[:, P_INVERSE_RISE] < 1.0 / 0.16 + 1e-9,
        p[:, P_INVERSE_MASS] < 1.0 / 5.0 + 1e-9,
    ])  # fmt: skip
    assert (outside.sum(axis=0) == 1).all() and (outside.mean(axis=1) > 0.2).all()


def test_the_same_seed_draws_the_same_drones() -> None:
    fleet = load_fleet("any")
    first, again, other = (fleet.draw(50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.parameters == again.parameters).all() and (first.noise == again.noise).all()
    assert (first.parameters != other.parameters).any()


def test_no_fleet_names_a_quadrotor() -> None:
    assert not set(fleet_names()) & set(QUADROTORS)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mass_kg = [0.02, 5.0]", "mass_kg = [5.0, 0.02]", "parts.published.mass_kg"),
        ("mass_kg = [0.02, 5.0]", "mass_kg = 5.0", "parts.published.mass_kg"),
        ("mass_kg = [0.02, 5.0]", "weight_n = [1.0, 5.0]", "parts.published.weight_n"),
        ('thrust_curves = ["l2f"]', 'thrust_curves = ["cubic"]', "parts.published.thrust_curves"),
        ('[parts.late]                      # from sensing to the motors\nlike = "published"',
         '[parts.late]\nlike = "late"', "parts.late.like"),
        ('like = "published"\nlatency_s = [0.0, 0.02]', 'like = "nobody"\nlatency_s = [0.0, 0.02]', "parts.late"),
        ("square = [0.0, 0.0, 1.0]", "square = [0.0, 1.0]", "curves.square"),
        ("[curves]", "[bends]", "curves"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_by_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "fleets.toml"
    text = FILE.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=f"fleets.toml: {told}"):
        for name in ("published", "late"):
            load_fleet(name, path)


def test_an_unknown_fleet_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="--fleet: found 'all', allowed: any, published"):
        load_fleet("all")
