"""Which firmware a policy can fly with."""

import pytest

from drivers.crazyflie_firmware import release, too_old


@pytest.mark.parametrize(
    "version", ["2023.11", "2024.10.2", "2025.02", "2025.09", "2025.09.1", "2025.09.1 +37", "2025.9"]
)
def test_releases_whose_rotors_would_freeze_are_too_old(version):
    assert version in too_old(version)
    assert "allowed: release 2025.12 or later" in too_old(version)


@pytest.mark.parametrize("version", ["2025.12", "2025.12.1", "2025.12-rc1", "2026.04", "2026.08 +3", "2031.1"])
def test_later_ones_are_not(version):
    assert too_old(version) == ""


@pytest.mark.parametrize("version", ["", "NA", "production", "12.2025"])
def test_a_version_that_says_nothing_is_left_to_the_app(version):
    assert release(version) is None
    assert too_old(version) == ""
