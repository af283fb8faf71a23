#pragma once

#include <uORB/uORB.h>

struct vehicle_angular_velocity_s {
	uint64_t timestamp, timestamp_sample;
	float xyz[3], xyz_derivative[3]; // rad/s, FRD
};

ORB_DECLARE(vehicle_angular_velocity);
