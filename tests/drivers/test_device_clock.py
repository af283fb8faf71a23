import pytest

from drivers.device_clock import CRYSTALS_DRIFT, RESONATORS_DRIFT, DeviceClock


@pytest.mark.parametrize("drift", [1e-4, -1e-4, 1.5e-3, -1.5e-3])
@pytest.mark.parametrize("turn_ms", [1 << 24, 30_000])
def test_a_clock_that_drifts_is_followed_and_one_that_began_anew_is_noticed(drift, turn_ms):
    clock = DeviceClock(turn_ms, 0.001, RESONATORS_DRIFT)
    for k in range(4000):
        now_s = 0.025 * k
        stamp_ms = int(1000 * now_s * (1.0 + drift)) % turn_ms
        measured_s = clock.measured_s(stamp_ms, now_s + 0.004 * (k % 5))
        assert -0.004 < measured_s - now_s < 0.003 or k < 5  # by which time one has come without delay
    assert clock.measured_s(5, 1000.0) == pytest.approx(999.999, abs=1e-6)


def test_what_is_late_for_minutes_is_still_late():
    clock = DeviceClock(1 << 24, 0.0, CRYSTALS_DRIFT)
    for k in range(4000):
        late_s = 0.3 if k >= 400 else 0.0
        age_s = 0.05 * k + late_s - clock.measured_s(50 * k, 0.05 * k + late_s)
        assert age_s == pytest.approx(late_s, abs=0.05)


@pytest.mark.parametrize("silent_s", [26.0, 31.0, 34.9, 64.0])
def test_after_a_silence_in_which_its_stamps_turned_it_is_not_late(silent_s):
    clock = DeviceClock(30_000, 0.0, RESONATORS_DRIFT)
    for k in range(200):
        now_s = 0.02 * k + (silent_s if k >= 100 else 0.0)
        assert now_s - clock.measured_s(round(1000.0 * now_s) % 30_000, now_s) == pytest.approx(0.0, abs=0.01)
