#pragma once

#include <uORB/uORB.h>

struct vehicle_control_mode_s {
	uint64_t timestamp;
	bool flag_control_allocation_enabled, flag_control_rates_enabled, flag_control_attitude_enabled, flag_control_position_enabled;
	uint8_t source_id; // the mode
};

ORB_DECLARE(vehicle_control_mode);
ORB_DECLARE(config_control_setpoints);
