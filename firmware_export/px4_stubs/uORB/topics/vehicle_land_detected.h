#pragma once

#include <uORB/uORB.h>

struct vehicle_land_detected_s {
	uint64_t timestamp;
	bool landed;
};

ORB_DECLARE(vehicle_land_detected);
