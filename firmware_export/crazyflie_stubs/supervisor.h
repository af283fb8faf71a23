/* The firmware's supervisor. */
#pragma once

#include <stdbool.h>

/* Whether a motor has been above idle within the last two seconds, and nothing has stopped them for good. */
bool supervisorIsFlying(void);
