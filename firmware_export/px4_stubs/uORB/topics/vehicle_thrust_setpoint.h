#pragma once

#include <uORB/uORB.h>

struct vehicle_thrust_setpoint_s {
	uint64_t timestamp, timestamp_sample;
	float xyz[3]; // FRD, -1 to 1
};

ORB_DECLARE(vehicle_thrust_setpoint);
