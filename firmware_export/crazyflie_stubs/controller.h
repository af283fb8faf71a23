/* The firmware's interface of a controller that is built outside its tree. */
#pragma once

#include "stabilizer_types.h"

/* The values of stabilizer.controller; this one has moved when controllers were added. */
enum { ControllerTypeOot = 6 };

void controllerOutOfTreeInit(void);
bool controllerOutOfTreeTest(void);
void controllerOutOfTree(control_t *control, const setpoint_t *setpoint, const sensorData_t *sensors,
                         const state_t *state, const stabilizerStep_t stabilizerStep);
