#pragma once

#include <uORB/uORB.h>

struct vehicle_command_s {
	static constexpr uint32_t VEHICLE_CMD_SET_NAV_STATE = 100001; // param1: the state
	uint64_t timestamp;
	double param5, param6;
	float param1, param2, param3, param4, param7;
	uint32_t command;
	uint8_t target_system, target_component, source_system;
	uint16_t source_component;
	bool from_external;
};

ORB_DECLARE(vehicle_command);
