/* The firmware's clock, microseconds. On this computer the host sets it. */
#pragma once

#include <stdint.h>

uint64_t usecTimestamp(void);
