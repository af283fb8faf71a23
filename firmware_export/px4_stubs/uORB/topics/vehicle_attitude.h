#pragma once

#include <uORB/uORB.h>

struct vehicle_attitude_s {
	uint64_t timestamp, timestamp_sample;
	float q[4]; // w, x, y, z: FRD to NED
	float delta_q_reset[4];
	uint8_t quat_reset_counter;
};

ORB_DECLARE(vehicle_attitude);
