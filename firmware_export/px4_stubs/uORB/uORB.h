/* A topic is its newest message, here: no queues, and one thread. */
#pragma once

#include <cstddef>
#include <cstdint>

struct orb_metadata {
	const char *name;
	void *newest;
	size_t size;
	unsigned generation; // messages so far
};

#define ORB_ID(topic) &orb_##topic
#define ORB_DECLARE(topic) extern orb_metadata orb_##topic
