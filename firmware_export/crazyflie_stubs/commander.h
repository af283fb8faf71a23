/* The firmware's commander, which keeps the newest set-point of whoever has the greatest priority. */
#pragma once

#include "stabilizer_types.h"

#define COMMANDER_PRIORITY_EXTRX 3 /* above the radio's, 2, and the high-level commander's, 1 */

/* Give a set-point; the firmware writes its timestamp. Not listened to while a source of greater priority is active. */
void commanderSetSetpoint(setpoint_t *setpoint, int priority);
/* Listen to every source again. */
void commanderRelaxPriority(void);
