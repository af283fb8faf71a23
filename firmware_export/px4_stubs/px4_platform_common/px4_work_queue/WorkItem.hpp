#pragma once

namespace px4
{

struct wq_config_t {
	const char *name;
};

namespace wq_configurations
{
inline constexpr wq_config_t rate_ctrl{"wq:rate_ctrl"};
}

class WorkItem
{
public:
	WorkItem(const char *, const wq_config_t &) {}
	virtual ~WorkItem() = default;
	void ScheduleNow() { Run(); } // there: soon, on the work queue's thread

protected:
	virtual void Run() = 0;
};

} // namespace px4
