#pragma once

#include <uORB/uORB.h>

struct setpoint_config_s {
	static constexpr uint16_t TYPE_DIRECT_ACTUATORS = 1;
	uint64_t timestamp;
	uint16_t type;
	uint8_t source_id; // the mode
	bool should_apply;
	uint16_t timeout_ms;
};

ORB_DECLARE(setpoint_config);
