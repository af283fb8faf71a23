#pragma once

#include <uORB/uORB.h>

struct arming_check_request_s {
	uint64_t timestamp;
	uint8_t request_id;
};

ORB_DECLARE(arming_check_request);
