/* The rest of PX4, for a test on this computer: its clock, its topics, and the commander's end of a mode. */
#include <cstdint>
#include <cstring>

#include <drivers/drv_hrt.h>
#include <parameters/param.h>
#include <uORB/Publication.hpp>
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
#include <uORB/topics/vehicle_control_mode.h>
#include <uORB/topics/vehicle_land_detected.h>
#include <uORB/topics/vehicle_local_position.h>
#include <uORB/topics/vehicle_status.h>
#include <uORB/topics/vehicle_thrust_setpoint.h>
#if __has_include(<uORB/topics/setpoint_config.h>)
#include <uORB/topics/setpoint_config.h>
#define CONFIG setpoint_config
#else
#define CONFIG config_control_setpoints
#endif

#define TOPIC_OF(topic, type) \
	static type newest_##topic; \
	orb_metadata orb_##topic{#topic, &newest_##topic, sizeof(type), 0}
#define TOPIC(topic) TOPIC_OF(topic, topic##_s)

TOPIC(actuator_motors);
TOPIC(arming_check_reply);
TOPIC(arming_check_request);
TOPIC(register_ext_component_reply);
TOPIC(register_ext_component_request);
TOPIC(trajectory_setpoint);
TOPIC(vehicle_angular_velocity);
TOPIC(vehicle_attitude);
TOPIC(vehicle_command);
TOPIC(vehicle_land_detected);
TOPIC(vehicle_local_position);
TOPIC(vehicle_status);
TOPIC(vehicle_thrust_setpoint);
#if __has_include(<uORB/topics/setpoint_config.h>)
TOPIC(setpoint_config);
#else
TOPIC_OF(config_control_setpoints, vehicle_control_mode_s);
#endif

px4::WorkItem *stub_called = nullptr;
static uint64_t now_us = 1;
static float thrust_model = 0.0f;
static float moved_m[3], turned[4]; // by the newest reset
static uint8_t resets;
static uint32_t modes; // that were given

template<typename T> static void publish(orb_metadata *topic, const T &message)
{
	uORB::Publication<T>(topic).publish(message);
}

extern "C" {

hrt_abstime hrt_absolute_time()
{
	return now_us;
}

param_t param_find(const char *name)
{
	return strcmp(name, "THR_MDL_FAC") == 0 ? 1 : 0;
}

int param_get(param_t param, void *value)
{
	if (param != 1) {
		return -1;
	}

	memcpy(value, &thrust_model, sizeof thrust_model);
	return 0;
}

void stub_thrust_model(float f)
{
	thrust_model = f;
}

void stub_position(const float *position_m, const float *velocity_m_s, bool valid)
{
	vehicle_local_position_s message{};
	message.timestamp = now_us;
	message.xy_valid = message.z_valid = message.v_xy_valid = message.v_z_valid = valid;
	message.x = position_m[0], message.y = position_m[1], message.z = position_m[2];
	message.delta_xy[0] = moved_m[0], message.delta_xy[1] = moved_m[1], message.delta_z = moved_m[2];
	message.xy_reset_counter = message.z_reset_counter = resets;
	message.vx = velocity_m_s[0], message.vy = velocity_m_s[1], message.vz = velocity_m_s[2];
	publish(ORB_ID(vehicle_local_position), message);
}

void stub_attitude(const float *q)
{
	vehicle_attitude_s message{};
	message.timestamp = now_us;
	memcpy(message.q, q, sizeof message.q);
	memcpy(message.delta_q_reset, turned, sizeof turned);
	message.quat_reset_counter = resets;
	publish(ORB_ID(vehicle_attitude), message);
}

/* The estimator sets place and attitude elsewhere, from the next messages on. */
void stub_reset(const float *by_m, const float *by_q)
{
	memcpy(moved_m, by_m, sizeof moved_m);
	memcpy(turned, by_q, sizeof turned);
	resets++;
}

/* A moment's gyroscope, after which the module runs. */
void stub_rate(uint64_t time_us, const float *rate_rad_s)
{
	vehicle_angular_velocity_s message{};
	message.timestamp = now_us = time_us;
	memcpy(message.xyz, rate_rad_s, sizeof message.xyz);
	publish(ORB_ID(vehicle_angular_velocity), message);
	stub_called->ScheduleNow();
}

void stub_status(int nav_state, bool armed, bool landed)
{
	vehicle_status_s status{};
	status.nav_state = static_cast<uint8_t>(nav_state);
	status.arming_state = armed ? vehicle_status_s::ARMING_STATE_ARMED : vehicle_status_s::ARMING_STATE_DISARMED;
	status.can_set_nav_states_mask = modes;
	publish(ORB_ID(vehicle_status), status);
	vehicle_land_detected_s land{};
	land.landed = landed;
	publish(ORB_ID(vehicle_land_detected), land);
}

void stub_setpoint(const float *position_m)
{
	trajectory_setpoint_s message{};
	memcpy(message.position, position_m, sizeof message.position);
	publish(ORB_ID(trajectory_setpoint), message);
}

/* The commander's answer to the newest request for a mode. */
void stub_grant(int mode)
{
	register_ext_component_reply_s message{};
	message.request_id = newest_register_ext_component_request.request_id;
	message.success = true;
	message.mode_id = static_cast<int8_t>(mode);
	message.arming_check_id = 3;
	modes |= 1u << mode; // in the next status, which is later than this answer
	publish(ORB_ID(register_ext_component_reply), message);
}

/* The commander drops all modes: it missed their answers, or was started anew. */
void stub_forget()
{
	modes = 0;
}

void stub_ask(int id)
{
	arming_check_request_s message{};
	message.request_id = static_cast<uint8_t>(id);
	publish(ORB_ID(arming_check_request), message);
}

unsigned stub_asked_for_mode(char *name)
{
	memcpy(name, newest_register_ext_component_request.name, sizeof newest_register_ext_component_request.name);
	return orb_register_ext_component_request.generation;
}

/* can_arm_and_run and mode_req_prevent_arming of the newest answer; its request. */
int stub_answer(bool *can_run, bool *prevents_arming)
{
	*can_run = newest_arming_check_reply.can_arm_and_run;
	*prevents_arming = newest_arming_check_reply.mode_req_prevent_arming;
	return newest_arming_check_reply.request_id;
}

unsigned stub_motors(float *control)
{
	memcpy(control, newest_actuator_motors.control, sizeof newest_actuator_motors.control);
	return orb_actuator_motors.generation;
}

/* What the land detector takes the vehicle for: (3,), FRD. */
unsigned stub_thrust(float *xyz)
{
	memcpy(xyz, newest_vehicle_thrust_setpoint.xyz, sizeof newest_vehicle_thrust_setpoint.xyz);
	return orb_vehicle_thrust_setpoint.generation;
}

unsigned stub_command(uint32_t *command, float *state)
{
	*command = newest_vehicle_command.command;
	*state = newest_vehicle_command.param1;
	return orb_vehicle_command.generation;
}

/* For which mode PX4's own controllers were told to keep still. */
unsigned stub_configured(int *mode)
{
#define NEWEST_(topic) newest_##topic
#define NEWEST(topic) NEWEST_(topic)
#define ORB_(topic) orb_##topic
#define ORB(topic) ORB_(topic)
	*mode = NEWEST(CONFIG).source_id;
	return ORB(CONFIG).generation;
}

} // extern "C"
