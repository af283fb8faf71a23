#pragma once

#include <cstring>

#include <uORB/uORB.h>

namespace uORB
{

class Subscription
{
public:
	Subscription(const orb_metadata *topic) : _topic(topic) {}

	bool update(void *message)
	{
		const bool is_new = _topic->generation != _seen;

		if (is_new) {
			memcpy(message, _topic->newest, _topic->size);
			_seen = _topic->generation;
		}

		return is_new;
	}

private:
	const orb_metadata *const _topic;
	unsigned _seen{0};
};

} // namespace uORB
