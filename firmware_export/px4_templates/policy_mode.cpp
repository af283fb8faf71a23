/* A trained policy as a flight mode of PX4: "Policy", beside those of mc_nn_control and mc_raptor, and registered as they are.

   It is chosen in the air. It holds the place where it took over, or goes to where /fmu/in/trajectory_setpoint says since; it keeps its heading.
   What speaks against it (pilot.h; an estimate that is old, or invalid; a vehicle on the ground) keeps it from being chosen. In flight the same
   ends it: the motors are told once more, all the same, so that nothing turns the vehicle; the commander is asked for Hold, and told that this mode
   cannot run, until it is left. Where the estimator resets place or heading, what is held goes along, as with PX4's own controllers. */
#include <cmath>
#include <cstdint>
#include <cstring>

#include <px4_platform_common/px4_config.h>
#include <px4_platform_common/defines.h>
#include <px4_platform_common/log.h>
#include <px4_platform_common/px4_work_queue/WorkItem.hpp>

#include <drivers/drv_hrt.h>
#include <parameters/param.h>
#include <uORB/Publication.hpp>
#include <uORB/Subscription.hpp>
#include <uORB/SubscriptionCallback.hpp>
#include <uORB/topics/actuator_motors.h>
#include <uORB/topics/arming_check_reply.h>
#include <uORB/topics/arming_check_request.h>
#include <uORB/topics/register_ext_component_reply.h>
#include <uORB/topics/register_ext_component_request.h>
#include <uORB/topics/trajectory_setpoint.h>
#include <uORB/topics/vehicle_angular_velocity.h>
#include <uORB/topics/vehicle_attitude.h>
#include <uORB/topics/vehicle_command.h>
#include <uORB/topics/vehicle_land_detected.h>
#include <uORB/topics/vehicle_local_position.h>
#include <uORB/topics/vehicle_status.h>
#include <uORB/topics/vehicle_thrust_setpoint.h>
#if __has_include(<uORB/topics/setpoint_config.h>) /* newer than 1.17 */
#include <uORB/topics/setpoint_config.h>
#else
#include <uORB/topics/vehicle_control_mode.h>
#endif

#include "pilot.h"
#include "policy.h"

namespace
{

constexpr char NAME[] = "Policy";
constexpr uint64_t REQUEST_ID = 0x706f6c696379;
constexpr hrt_abstime AGAIN_US = 1000000;    // between requests that have no answer
constexpr hrt_abstime PERIOD_US = 1000000 / POLICY_RATE_HZ;
constexpr hrt_abstime ATTITUDE_AGE_MAX_US = 50000, POSITION_AGE_MAX_US = 100000;
constexpr hrt_abstime LEAVE_AGAIN_US = 100000;
constexpr uint16_t SETPOINT_TIMEOUT_MS = 100; // how long PX4 may wait for orders to the motors (newer than 1.17)
constexpr uint8_t HOLD = vehicle_status_s::NAVIGATION_STATE_AUTO_LOITER;

class PolicyMode : public px4::WorkItem
{
public:
	PolicyMode() : WorkItem("mc_policy", px4::wq_configurations::rate_ctrl) {}

	bool begin()
	{
		_intact = pilot_selftest() != 0;

		if (!_intact) {
			PX4_ERR("self-test FAILED: the policy will not fly");
		}

		return _rate_sub.registerCallback();
	}

	void tell() const
	{
		PX4_INFO("%s, policy %.16s: self-test %s, mode %d, %s, fault %d, %u decisions", POLICY_TASK, POLICY_SHA256,
			 _intact ? "passed" : "FAILED", _mode, _flies ? "flies" : "does not fly", static_cast<int>(_fault),
			 static_cast<unsigned>(_decisions));
	}

private:
	void Run() override
	{
		vehicle_angular_velocity_s rate{};

		if (!_rate_sub.update(&rate)) {
			return;
		}

		take(rate);
		const hrt_abstime now_us = hrt_absolute_time(); // later than all that was taken
		forget_if_forgotten();

		if (_mode < 0) {
			join(now_us);
			return;
		}

		if (_check_sub.update(&_request)) {
			answer(now_us);
		}

		const bool wanted = _status.nav_state == _mode && _status.arming_state == vehicle_status_s::ARMING_STATE_ARMED;

		if (!wanted) {
			_flies = _left = false;

		} else if (_left) {
			leave(now_us);

		} else {
			if (!_flies) {
				take_over(now_us);
			}

			if (_flies && now_us >= _next_us) {
				decide(now_us);
			}
		}
	}

	// Ask the commander for a mode, until it has given one.
	void join(hrt_abstime now_us)
	{
		register_ext_component_reply_s reply{};

		while (_reply_sub.update(&reply)) {
			if (reply.request_id == REQUEST_ID && reply.success && reply.mode_id >= 0) {
				_mode = reply.mode_id;
				_check = reply.arming_check_id;
				configure(now_us);
				return;
			}
		}

		if (_asked_us == 0 || now_us - _asked_us > AGAIN_US) {
			_asked_us = now_us;
			register_ext_component_request_s request{};
			request.timestamp = now_us;
			request.request_id = REQUEST_ID;
			strncpy(request.name, NAME, sizeof request.name - 1);
			request.px4_ros2_api_version = register_ext_component_request_s::LATEST_PX4_ROS2_API_VERSION;
			request.register_arming_check = request.register_mode = true;
			_request_pub.publish(request);
		}
	}

	// The commander drops a mode whose answers it misses, or forgets all when it is started anew: then it has to be asked again.
	void forget_if_forgotten()
	{
		const bool listed = _mode >= 0 && (_status.can_set_nav_states_mask & (1u << _mode)) != 0;

		if (_listed && !listed) {
			_mode = -1;
			_flies = _left = false;
		}

		_listed = listed;
	}

	// This mode gives the motors their orders: none of PX4's controllers, nor its control allocation, does.
	void configure(hrt_abstime now_us)
	{
#if __has_include(<uORB/topics/setpoint_config.h>)
		setpoint_config_s config{};
		config.type = setpoint_config_s::TYPE_DIRECT_ACTUATORS;
		config.should_apply = _status.nav_state == _mode;
		config.timeout_ms = SETPOINT_TIMEOUT_MS;
#else
		vehicle_control_mode_s config{}; // every flag is false
#endif
		config.timestamp = now_us;
		config.source_id = static_cast<uint8_t>(_mode);
		_config_pub.publish(config);
	}

	// The newest of everything.
	void take(const vehicle_angular_velocity_s &rate)
	{
		const vehicle_attitude_s attitude = _attitude;
		const vehicle_local_position_s position = _position;
		_status_sub.update(&_status);
		_attitude_sub.update(&_attitude);
		_position_sub.update(&_position);
		_land_sub.update(&_land);
		follow_resets(attitude, position);
		memcpy(_estimate.rate_rad_s, rate.xyz, sizeof rate.xyz);
		memcpy(_estimate.attitude, _attitude.q, sizeof _attitude.q);
		const float place[3] = {_position.x, _position.y, _position.z}, speed[3] = {_position.vx, _position.vy, _position.vz};
		memcpy(_estimate.position_m, place, sizeof place);
		memcpy(_estimate.velocity_m_s, speed, sizeof speed);
		trajectory_setpoint_s setpoint{};

		if (_setpoint_sub.update(&setpoint) && std::isfinite(setpoint.position[0]) && std::isfinite(setpoint.position[1])
		    && std::isfinite(setpoint.position[2])) {
			memcpy(_target_m, setpoint.position, sizeof _target_m); // one from before is forgotten where the policy takes over
		}
	}

	// Since these: what the policy holds is still where it was.
	void follow_resets(const vehicle_attitude_s &attitude, const vehicle_local_position_s &position)
	{
		constexpr float as_it_was[4] = {1.0f, 0.0f, 0.0f, 0.0f};
		const bool turned = _attitude.quat_reset_counter != attitude.quat_reset_counter;
		const bool aside = _position.xy_reset_counter != position.xy_reset_counter;
		const bool up = _position.z_reset_counter != position.z_reset_counter;
		const float moved_m[3] = {aside ? _position.delta_xy[0] : 0.0f, aside ? _position.delta_xy[1] : 0.0f, up ? _position.delta_z : 0.0f};
		pilot_reset(moved_m, turned ? _attitude.delta_q_reset : as_it_was);

		for (int axis = 0; axis < 3; axis++) {
			_target_m[axis] += moved_m[axis];
		}
	}

	bool known(hrt_abstime now_us) const
	{
		return _attitude.timestamp != 0 && now_us - _attitude.timestamp <= ATTITUDE_AGE_MAX_US
		       && _position.timestamp != 0 && now_us - _position.timestamp <= POSITION_AGE_MAX_US
		       && _position.xy_valid && _position.z_valid && _position.v_xy_valid && _position.v_z_valid;
	}

	bool may_fly(hrt_abstime now_us) const
	{
		return _intact && !_left && known(now_us) && !_land.landed;
	}

	void answer(hrt_abstime now_us)
	{
		arming_check_reply_s reply{};
		reply.timestamp = now_us;
		reply.request_id = _request.request_id;
		reply.registration_id = static_cast<uint8_t>(_check);
		reply.health_component_index = arming_check_reply_s::HEALTH_COMPONENT_INDEX_NONE;
		reply.can_arm_and_run = may_fly(now_us);
		reply.mode_req_angular_velocity = reply.mode_req_attitude = true;
		reply.mode_req_local_position = reply.mode_req_local_alt = true;
		reply.mode_req_prevent_arming = true; // it is for the air
		_answer_pub.publish(reply);
	}

	void take_over(hrt_abstime now_us)
	{
		_fault = may_fly(now_us) ? pilot_take_over(&_estimate) : PILOT_ESTIMATE;

		if (_fault != PILOT_NONE) {
			leave(now_us);
			return;
		}

		memcpy(_target_m, _estimate.position_m, sizeof _target_m);
		_speed[0] = NAN; // nothing was told yet
		param_get(_thrust_model, &_thrust_factor);
		_next_us = now_us;
		_flies = true;
		configure(now_us);
	}

	void decide(hrt_abstime now_us)
	{
		_fault = may_fly(now_us) ? pilot_decide(&_estimate, _target_m, _speed) : PILOT_ESTIMATE;

		if (_fault != PILOT_NONE) {
			leave(now_us);
			return;
		}

		_next_us = now_us - _next_us < PERIOD_US ? _next_us + PERIOD_US : now_us + PERIOD_US;
		_decisions++;
		drive(now_us);
	}

	void drive(hrt_abstime now_us)
	{
		actuator_motors_s motors{};
		motors.timestamp = hrt_absolute_time();
		motors.timestamp_sample = now_us;

		vehicle_thrust_setpoint_s thrust{};
		thrust.timestamp = motors.timestamp;
		thrust.timestamp_sample = now_us;

		for (int i = 0; i < actuator_motors_s::NUM_CONTROLS; i++) {
			motors.control[i] = i < PILOT_MOTORS ? thrust_of(_speed[i]) : NAN; // NAN: stopped, as are those below zero
		}

		for (int i = 0; i < PILOT_MOTORS; i++) {
			thrust.xyz[2] -= motors.control[i] / PILOT_MOTORS;
		}

		_motors_pub.publish(motors);
		_thrust_pub.publish(thrust); // moves nothing; the land detector would go on with the thrust from before
	}

	// PX4 takes a thrust and makes a motor's command of it: thrust = f command^2 + (1 - f) command, f being THR_MDL_FAC.
	float thrust_of(float command) const
	{
		const float f = _thrust_factor;
		return f > 0.0f && f <= 1.0f ? command * (f * command + (1.0f - f)) : command;
	}

	// PX4 keeps the motors at what they were told last: that may turn the vehicle, the mean of it does not.
	void level(hrt_abstime now_us)
	{
		const float mean = (_speed[0] + _speed[1] + _speed[2] + _speed[3]) / PILOT_MOTORS;

		if (std::isfinite(mean)) {
			for (float &speed : _speed) {
				speed = mean;
			}

			drive(now_us);
		}
	}

	// Give the vehicle back: to Hold, whose controllers are PX4's. Where Hold cannot be, PX4's failsafe acts, which is not kept waiting for its next question.
	void leave(hrt_abstime now_us)
	{
		if (!_left) {
			PX4_WARN("the policy gives the motors back: fault %d", static_cast<int>(_fault));
			_left_us = 0;
			_left = true;
			answer(now_us);
		}

		if (_flies) {
			level(now_us);
			_flies = false;
		}

		if (_left_us == 0 || now_us - _left_us >= LEAVE_AGAIN_US) {
			_left_us = now_us;
			vehicle_command_s command{};
			command.timestamp = now_us;
			command.command = vehicle_command_s::VEHICLE_CMD_SET_NAV_STATE;
			command.param1 = HOLD;
			command.target_system = command.source_system = _status.system_id;
			command.target_component = command.source_component = _status.component_id;
			_command_pub.publish(command);
		}
	}

	uORB::SubscriptionCallbackWorkItem _rate_sub{this, ORB_ID(vehicle_angular_velocity)};
	uORB::Subscription _attitude_sub{ORB_ID(vehicle_attitude)};
	uORB::Subscription _position_sub{ORB_ID(vehicle_local_position)};
	uORB::Subscription _land_sub{ORB_ID(vehicle_land_detected)};
	uORB::Subscription _status_sub{ORB_ID(vehicle_status)};
	uORB::Subscription _setpoint_sub{ORB_ID(trajectory_setpoint)};
	uORB::Subscription _reply_sub{ORB_ID(register_ext_component_reply)};
	uORB::Subscription _check_sub{ORB_ID(arming_check_request)};
	uORB::Publication<actuator_motors_s> _motors_pub{ORB_ID(actuator_motors)};
	uORB::Publication<vehicle_thrust_setpoint_s> _thrust_pub{ORB_ID(vehicle_thrust_setpoint)};
	uORB::Publication<register_ext_component_request_s> _request_pub{ORB_ID(register_ext_component_request)};
	uORB::Publication<arming_check_reply_s> _answer_pub{ORB_ID(arming_check_reply)};
	uORB::Publication<vehicle_command_s> _command_pub{ORB_ID(vehicle_command)};
#if __has_include(<uORB/topics/setpoint_config.h>)
	uORB::Publication<setpoint_config_s> _config_pub{ORB_ID(setpoint_config)};
#else
	uORB::Publication<vehicle_control_mode_s> _config_pub{ORB_ID(config_control_setpoints)};
#endif

	const param_t _thrust_model{param_find("THR_MDL_FAC")};
	vehicle_status_s _status{};
	vehicle_attitude_s _attitude{};
	vehicle_local_position_s _position{};
	vehicle_land_detected_s _land{};
	arming_check_request_s _request{}; // the newest
	pilot_estimate _estimate{};
	float _target_m[3] {}, _speed[PILOT_MOTORS] {}, _thrust_factor{0.0f};
	int _mode{-1}, _check{-1};
	hrt_abstime _asked_us{0}, _next_us{0}, _left_us{0};
	uint32_t _decisions{0}; // since it was started
	pilot_fault _fault{PILOT_NONE};
	bool _intact{false}, _flies{false}, _left{false}; // _left: given back, until the mode is left
	bool _listed{false}; // by the commander, as a mode that can be chosen
};

PolicyMode *running;

} // namespace

extern "C" __EXPORT int mc_policy_main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "start") == 0 && running == nullptr) {
		running = new PolicyMode();
		return running != nullptr && running->begin() ? 0 : 1;
	}

	if (argc == 2 && strcmp(argv[1], "status") == 0 && running != nullptr) {
		running->tell();
		return 0;
	}

	PX4_INFO("mc_policy start | status: a trained policy as the flight mode %s; it %s", NAME, running ? "runs" : "does not run");
	return 1;
}
