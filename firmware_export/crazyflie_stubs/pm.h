/* The firmware's power management. */
#pragma once

#include <stdbool.h>

/* Whether the battery has been below DEFAULT_BAT_LOW_VOLTAGE (3.2 V; Brushless: 3.35 V) for five seconds. */
bool pmIsBatteryLow(void);
