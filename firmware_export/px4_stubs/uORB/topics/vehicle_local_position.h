#pragma once

#include <uORB/uORB.h>

struct vehicle_local_position_s {
	uint64_t timestamp, timestamp_sample;
	bool xy_valid, z_valid, v_xy_valid, v_z_valid;
	float x, y, z, vx, vy, vz; // NED
	float delta_xy[2], delta_z; // of the newest reset
	uint8_t xy_reset_counter, z_reset_counter;
};

ORB_DECLARE(vehicle_local_position);
