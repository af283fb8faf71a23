#pragma once

#include <cstring>

#include <uORB/uORB.h>

namespace uORB
{

template<typename T> class Publication
{
public:
	Publication(orb_metadata *topic) : _topic(topic) {}

	bool publish(const T &message)
	{
		memcpy(_topic->newest, &message, sizeof message);
		_topic->generation++;
		return true;
	}

private:
	orb_metadata *const _topic;
};

} // namespace uORB
