#pragma once

#include <uORB/uORB.h>

struct vehicle_status_s {
	static constexpr uint8_t ARMING_STATE_DISARMED = 1, ARMING_STATE_ARMED = 2, NAVIGATION_STATE_AUTO_LOITER = 4;
	uint64_t timestamp;
	uint8_t arming_state, nav_state, system_id, component_id;
	uint32_t can_set_nav_states_mask; // modes that can be chosen, one bit each
};

ORB_DECLARE(vehicle_status);
