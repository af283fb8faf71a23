import math
import struct

import numpy as np
import pytest
from cflib.utils.encoding import compress_quaternion
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulators.crazyflie_setpoint import (
    ABS,
    OFF,
    S_ATTITUDE,
    S_MODE_Z,
    S_POSITION,
    S_QUATERNION,
    VEL,
    Setpoint,
    decompressed_quaternion,
    generic_setpoint,
    rpyt_setpoint,
)


def packet(kind: int, layout: str, *values: float) -> bytes:
    return struct.pack("<B" + layout, kind, *values)


def test_a_position_is_held_in_all_axes_and_yaw():
    setpoint = generic_setpoint(packet(7, "4f", 1.0, 2.0, 3.0, 90.0))
    assert setpoint == Setpoint((ABS, ABS, ABS, OFF, OFF, ABS, OFF), (1.0, 2.0, 3.0), attitude_deg=(0.0, 0.0, 90.0))


@pytest.mark.parametrize(("old", "new"), [(1, 8), (2, 9), (5, 10)])
def test_types_of_before_protocol_9_turn_the_other_way(old: int, new: int):
    values = (0.1, 0.2, 0.3, 0.4)
    yaw_at = 3 if new == 8 else 2
    turned = [-v if k == yaw_at else v for k, v in enumerate(values)]
    assert generic_setpoint(packet(old, "4f", *values)) == generic_setpoint(packet(new, "4f", *turned))


def test_hovering_takes_its_speed_in_the_bodys_frame():
    setpoint = generic_setpoint(packet(10, "4f", 0.5, -0.5, 30.0, 1.25))
    assert setpoint.velocity_is_body
    assert setpoint.modes == (VEL, VEL, ABS, OFF, OFF, VEL, OFF)
    assert (setpoint.velocity_m_s, setpoint.position_m[2], setpoint.rate_deg_s[2]) == ((0.5, -0.5, 0.0), 1.25, 30.0)


def test_manual_set_points_are_angles_or_rates():
    angles = generic_setpoint(packet(11, "fffHB", 5.0, -6.0, 7.0, 40000, 0))
    rates = generic_setpoint(packet(11, "fffHB", 5.0, -6.0, 7.0, 40000, 1))
    assert (angles.attitude_deg, angles.rate_deg_s, angles.thrust) == ((5.0, -6.0, 0.0), (0.0, 0.0, 7.0), 40000)
    assert (rates.attitude_deg, rates.rate_deg_s) == ((0.0, 0.0, 0.0), (5.0, -6.0, 7.0))
    assert (angles.modes[3], rates.modes[3]) == (ABS, VEL)


def test_a_full_state_is_in_thousandths():
    q = (0.0, 0.0, math.sin(0.3), math.cos(0.3))
    setpoint = generic_setpoint(
        packet(6, "9hI3h", 1000, -500, 1500, 100, 200, 300, 1, 2, 3, compress_quaternion(q), 0, 0, 1571)
    )
    assert setpoint.position_m == (1.0, -0.5, 1.5)
    assert setpoint.velocity_m_s == (0.1, 0.2, 0.3)
    assert setpoint.rate_deg_s[2] == pytest.approx(90.0, abs=0.02)
    assert setpoint.quaternion == pytest.approx(q, abs=2e-3)


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_quaternions_survive_compression(q: list[float]):
    unit = np.array(q) / np.linalg.norm(q)
    again = np.array(decompressed_quaternion(compress_quaternion(unit)))
    assert abs(again @ unit) > 1 - 1e-5


@pytest.mark.parametrize(
    "data",
    [b"", b"\x63", b"\x07\x00", packet(7, "4f", math.nan, 0, 1, 0), packet(8, "4f", 0, math.inf, 0, 0)],
    ids=["empty", "unknown type", "too short", "not a number", "infinite"],
)
def test_what_is_no_set_point_is_none(data: bytes):
    assert generic_setpoint(data) is None


def test_old_style_thrust_is_cut_off_below_and_above():
    def thrust(value: int) -> float:
        return rpyt_setpoint(struct.pack("<fffH", 0, 0, 0, value)).thrust

    assert [thrust(v) for v in (999, 1000, 30000, 65535)] == [0.0, 1000, 30000, 60000]
    assert rpyt_setpoint(b"short") is None


def test_a_packed_set_point_has_its_fields_where_the_constants_say():
    packed = generic_setpoint(packet(9, "4f", 5.0, 6.0, 0.0, 0.75)).packed()
    assert packed[S_MODE_Z] == ABS
    assert packed[S_POSITION + 2] == 0.75
    assert packed[S_ATTITUDE : S_ATTITUDE + 2].tolist() == [5.0, 6.0]
    assert packed[S_QUATERNION : S_QUATERNION + 4].tolist() == [0.0, 0.0, 0.0, 1.0]
