"""What a car brings to be set up and checked."""

from robot.commissioning.commissioning import Commissioning
from robot.robots.car.setup_car.device_checks import checks
from robot.robots.car.setup_car.file import is_car_file
from robot.robots.car.setup_car.setting_up import CarSetupOptions, SettingUpCar

COMMISSIONING = Commissioning(options=CarSetupOptions, begin=SettingUpCar, knows=is_car_file, checks=checks)
