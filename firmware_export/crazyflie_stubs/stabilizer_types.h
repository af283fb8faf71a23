/* What the app uses of crazyflie-firmware's stabilizer_types.h: names, units and meaning are the firmware's, written
   down from its documentation; fields that the app does not touch are left out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t stabilizerStep_t; /* one a millisecond */

typedef struct {
    float x, y, z;
} Axis3f;

struct vec3_s {
    uint32_t timestamp; /* ms */
    float x, y, z;
};
typedef struct vec3_s point_t, velocity_t, acc_t;

typedef struct attitude_s {
    uint32_t timestamp;
    float roll, pitch, yaw; /* deg; pitch is inverted */
} attitude_t;

typedef struct quaternion_s {
    float x, y, z, w; /* body to world */
} quaternion_t;

typedef struct sensorData_s {
    Axis3f acc;  /* g */
    Axis3f gyro; /* deg/s, about x forward, y left, z up */
} sensorData_t;

typedef struct state_s {
    attitude_t attitude;
    quaternion_t attitudeQuaternion;
    point_t position;    /* m, world, z up */
    velocity_t velocity; /* m/s, world */
    acc_t acc;           /* g */
} state_t;

typedef enum { modeDisable = 0, modeAbs, modeVelocity } stab_mode_t;

typedef struct setpoint_s {
    uint32_t timestamp; /* ms; when the commander took it */
    attitude_t attitude;
    attitude_t attitudeRate;
    quaternion_t attitudeQuaternion;
    float thrust;
    point_t position;
    velocity_t velocity;
    acc_t acceleration;
    bool velocity_body;
    struct {
        stab_mode_t x, y, z, roll, pitch, yaw, quat;
    } mode;
} setpoint_t;

#define STABILIZER_NR_OF_MOTORS 4

typedef enum { controlModeLegacy = 0, controlModeForceTorque = 1, controlModeForce = 2 } control_mode_t;

typedef struct control_s {
    union {
        struct {
            int16_t roll, pitch, yaw;
            float thrust;
        };
        struct {
            float thrustSi;
            float torque[3];
        };
        float normalizedForces[STABILIZER_NR_OF_MOTORS]; /* 0 to 1 of a rotor's greatest thrust */
    };
    control_mode_t controlMode;
} control_t;
