#include "stub_host.h"

#include <stdarg.h>
#include <stdio.h>

#include "app_channel.h"
#include "commander.h"
#include "controller_pid.h"
#include "pm.h"
#include "supervisor.h"
#include "usec_time.h"

#define TABLE_SIZE 64

struct stub_entry {
    const char *group, *name;
    uint8_t type;
    void *address;
};

struct stub_entry stub_parameters[TABLE_SIZE], stub_logs[TABLE_SIZE];
uint32_t stub_parameters_count, stub_logs_count;
uint64_t stub_time_us;
uint8_t stub_is_flying, stub_battery_low; /* what the host's supervisor and power management say */
const uint32_t stub_sizes[] = {sizeof(control_t), sizeof(setpoint_t), sizeof(sensorData_t), sizeof(state_t)};

static void (*host_pid)(control_t *, const setpoint_t *, const sensorData_t *, const state_t *, stabilizerStep_t);
static void (*host_print)(const char *);
static void (*host_command)(setpoint_t *, int); /* NULL and 0: relax the priority */
static int (*host_send)(const void *, size_t);
static size_t (*host_receive)(void *, size_t);

void stub_set_host(void (*pid)(control_t *, const setpoint_t *, const sensorData_t *, const state_t *,
                               stabilizerStep_t),
                   void (*print)(const char *), void (*command)(setpoint_t *, int), int (*send)(const void *, size_t),
                   size_t (*receive)(void *, size_t))
{
    host_pid = pid;
    host_print = print;
    host_command = command;
    host_send = send;
    host_receive = receive;
}

size_t appchannelReceiveDataPacket(void *buffer, size_t max_length, int timeout_ms)
{
    (void)timeout_ms;
    return host_receive(buffer, max_length);
}

int appchannelSendDataPacket(void *data, size_t length)
{
    return host_send(data, length);
}

static uint32_t append(struct stub_entry *table, uint32_t count, const char *group,
                       const struct stub_variable *variable, unsigned n)
{
    for (; n != 0 && count < TABLE_SIZE; n--, variable++) {
        table[count++] = (struct stub_entry){group, variable->name, variable->type, variable->address};
    }
    return count;
}

void stub_add_parameters(const char *group, const struct stub_variable *variables, unsigned n)
{
    stub_parameters_count = append(stub_parameters, stub_parameters_count, group, variables, n);
}

void stub_add_logs(const char *group, const struct stub_variable *variables, unsigned n)
{
    stub_logs_count = append(stub_logs, stub_logs_count, group, variables, n);
}

void stub_print(const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    host_print(text);
}

uint64_t usecTimestamp(void)
{
    return stub_time_us;
}

void commanderSetSetpoint(setpoint_t *setpoint, int priority)
{
    host_command(setpoint, priority);
}

void commanderRelaxPriority(void)
{
    host_command(NULL, 0);
}

bool supervisorIsFlying(void)
{
    return stub_is_flying != 0;
}

bool pmIsBatteryLow(void)
{
    return stub_battery_low != 0;
}

void controllerPidInit(void)
{
}

bool controllerPidTest(void)
{
    return true;
}

void controllerPid(control_t *control, const setpoint_t *setpoint, const sensorData_t *sensors, const state_t *state,
                   const stabilizerStep_t stabilizerStep)
{
    host_pid(control, setpoint, sensors, state, stabilizerStep);
}
