#pragma once

#include <uORB/uORB.h>

struct register_ext_component_reply_s {
	uint64_t timestamp, request_id;
	char name[25];
	uint16_t px4_ros2_api_version;
	bool success;
	int8_t arming_check_id, mode_id, mode_executor_id; // -1: none
};

ORB_DECLARE(register_ext_component_reply);
