/* What stands in for the rest of the firmware when an app is compiled for this computer; drivers/emulators/
   crazyflie_app.py is at the other end. */
#pragma once

#include <stdint.h>

struct stub_variable {
    uint8_t type;
    const char *name;
    void *address;
};

void stub_add_parameters(const char *group, const struct stub_variable *variables, unsigned n);
void stub_add_logs(const char *group, const struct stub_variable *variables, unsigned n);
void stub_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
