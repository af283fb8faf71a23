/* What stands in for the rest of the firmware when an app is compiled for this computer; drivers/emulators/
   crazyflie_app.py is at the other end. */
#pragma once

#include <stdint.h>

void stub_add_parameter(const char *group, const char *name, uint8_t type, void *address);
void stub_add_log(const char *group, const char *name, uint8_t type, void *address);
void stub_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
