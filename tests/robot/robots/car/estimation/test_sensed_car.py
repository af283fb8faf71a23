"""The simulated sensors: they lag, err and drop out as the devices do."""

from collections.abc import Callable

import numpy as np

from drivers.emulators.world import V_X


def test_the_sensors_deliver_what_the_devices_would(make_car: Callable) -> None:
    car, driver = make_car()
    ages, errors, returns, points = [], [], [], []
    for _ in range(300):
        vesc, lidar = car.tick(*driver.command())
        ages.append(vesc.values_age_s)
        errors.append(vesc.erpm_speed_m_s - car.world.moving[V_X])
        returns.append(np.mean(lidar.distance_m > 0.0))
        points.append(len(lidar.angle_rad))
    assert min(ages) > 0.01 and max(ages) < 0.02
    assert 0.005 < np.std(errors) < 0.1
    assert np.mean(points) == np.clip(np.mean(points), 79, 81)
    assert 0.97 < np.mean(returns) < 0.999
