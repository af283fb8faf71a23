/* The firmware's log variables. There LOG_ADD fills tables in a section of the linker; here, a table for the host. */
#pragma once

#include "stub_host.h"

#define LOG_UINT8 1
#define LOG_UINT16 2
#define LOG_UINT32 3
#define LOG_INT8 4
#define LOG_INT16 5
#define LOG_INT32 6
#define LOG_FLOAT 7

#define LOG_GROUP_START(GROUP)                                                                                         \
    __attribute__((constructor)) static void stub_logs_of_##GROUP(void)                                                \
    {                                                                                                                  \
        const char *const group = #GROUP;
#define LOG_ADD(TYPE, NAME, ADDRESS) stub_add_log(group, #NAME, TYPE, ADDRESS);
#define LOG_GROUP_STOP(GROUP) }
