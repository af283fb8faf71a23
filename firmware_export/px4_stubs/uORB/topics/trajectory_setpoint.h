#pragma once

#include <uORB/uORB.h>

struct trajectory_setpoint_s {
	uint64_t timestamp;
	float position[3], velocity[3], acceleration[3], jerk[3], yaw, yawspeed; // NED; NAN: as it likes
};

ORB_DECLARE(trajectory_setpoint);
