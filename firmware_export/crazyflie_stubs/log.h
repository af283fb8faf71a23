/* The firmware's log variables. See param.h. */
#pragma once

#include "stub_host.h"

#define LOG_UINT8 1
#define LOG_UINT16 2
#define LOG_UINT32 3
#define LOG_INT8 4
#define LOG_INT16 5
#define LOG_INT32 6
#define LOG_FLOAT 7

#define LOG_GROUP_START(GROUP) static const struct stub_variable stub_logs_of_##GROUP[] = {
#define LOG_ADD(TYPE, NAME, ADDRESS) {.type = TYPE, .name = #NAME, .address = (void *)(ADDRESS)},
#define LOG_GROUP_STOP(GROUP)                                                                                          \
    }                                                                                                                  \
    ;                                                                                                                  \
    __attribute__((constructor)) static void stub_add_logs_of_##GROUP(void)                                            \
    {                                                                                                                  \
        stub_add_logs(#GROUP, stub_logs_of_##GROUP, sizeof stub_logs_of_##GROUP / sizeof *stub_logs_of_##GROUP);       \
    }
