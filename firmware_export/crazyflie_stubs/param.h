/* The firmware's parameters. The macros make lists of initialisers as there, where they go into a
   section of the linker; here the host is told of them when the app is loaded. */
#pragma once

#include "stub_host.h"

#define PARAM_INT8 0x00
#define PARAM_INT16 0x01
#define PARAM_INT32 0x02
#define PARAM_UINT8 0x08
#define PARAM_UINT16 0x09
#define PARAM_UINT32 0x0a
#define PARAM_FLOAT 0x06
#define PARAM_CORE 0x20
#define PARAM_RONLY 0x40

#define PARAM_GROUP_START(GROUP) static const struct stub_variable stub_parameters_of_##GROUP[] = {
#define PARAM_ADD(TYPE, NAME, ADDRESS) {.type = TYPE, .name = #NAME, .address = (void *)(ADDRESS)},
#define PARAM_ADD_CORE(TYPE, NAME, ADDRESS) PARAM_ADD((TYPE) | PARAM_CORE, NAME, ADDRESS)
#define PARAM_GROUP_STOP(GROUP)                                                                                        \
    }                                                                                                                  \
    ;                                                                                                                  \
    __attribute__((constructor)) static void stub_add_parameters_of_##GROUP(void)                                      \
    {                                                                                                                  \
        stub_add_parameters(#GROUP, stub_parameters_of_##GROUP,                                                        \
                            sizeof stub_parameters_of_##GROUP / sizeof *stub_parameters_of_##GROUP);                   \
    }
