#pragma once

#include <px4_platform_common/px4_work_queue/WorkItem.hpp>
#include <uORB/Subscription.hpp>

extern px4::WorkItem *stub_called; // by whatever is published

namespace uORB
{

class SubscriptionCallbackWorkItem : public Subscription
{
public:
	SubscriptionCallbackWorkItem(px4::WorkItem *item, const orb_metadata *topic) : Subscription(topic), _item(item) {}

	bool registerCallback()
	{
		stub_called = _item;
		return true;
	}

private:
	px4::WorkItem *const _item;
};

} // namespace uORB
