#pragma once

#include <uORB/uORB.h>

struct vehicle_local_position_s {
	uint64_t timestamp, timestamp_sample;
	bool xy_valid, z_valid, v_xy_valid, v_z_valid;
	float x, y, z, vx, vy, vz; // NED
};

ORB_DECLARE(vehicle_local_position);
