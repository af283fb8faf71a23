"""What a car brings to be set up and checked."""

from robot.commissioning.commissioning import Commissioning
from robot.robots.car.setup_car.setting_up import CarSetupOptions, SettingUpCar

COMMISSIONING = Commissioning(options=CarSetupOptions, begin=SettingUpCar, checks=lambda robot: [])
