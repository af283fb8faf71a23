#pragma once

#include <uORB/uORB.h>

struct arming_check_reply_s {
	static constexpr uint8_t HEALTH_COMPONENT_INDEX_NONE = 0;
	uint64_t timestamp;
	uint8_t request_id, registration_id, health_component_index;
	bool health_component_is_present, health_component_warning, health_component_error, can_arm_and_run;
	uint8_t num_events;
	bool mode_req_angular_velocity, mode_req_attitude, mode_req_local_alt, mode_req_local_position, mode_req_local_position_relaxed,
	     mode_req_global_position, mode_req_global_position_relaxed, mode_req_mission, mode_req_home_position, mode_req_prevent_arming,
	     mode_req_manual_control;
};

ORB_DECLARE(arming_check_reply);
