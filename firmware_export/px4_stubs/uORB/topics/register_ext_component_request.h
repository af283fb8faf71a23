#pragma once

#include <uORB/uORB.h>

struct register_ext_component_request_s {
	static constexpr uint16_t LATEST_PX4_ROS2_API_VERSION = 1;
	uint64_t timestamp, request_id;
	char name[25];
	uint16_t px4_ros2_api_version;
	bool register_arming_check, register_mode, register_mode_executor, enable_replace_internal_mode;
	uint8_t replace_internal_mode;
	bool activate_mode_immediately;
};

ORB_DECLARE(register_ext_component_request);
