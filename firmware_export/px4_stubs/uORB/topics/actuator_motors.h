#pragma once

#include <uORB/uORB.h>

struct actuator_motors_s {
	static constexpr uint8_t NUM_CONTROLS = 12;
	uint64_t timestamp, timestamp_sample; // us
	uint16_t reversible_flags;
	float control[12]; // thrusts, 0 to 1; below 0, or NAN: stopped
};

ORB_DECLARE(actuator_motors);
