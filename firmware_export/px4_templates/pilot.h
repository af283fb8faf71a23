/* A trained policy flies a multicopter of PX4: from its estimate to its motors, with nothing of PX4's.

   PX4's world is north, east, down, its body forward, right, down. The policy's are forward, left, up: the world's x is the heading that the
   drone had when it took over. Its rotors 0 to 3 are front right, back right, back left, front left; PX4's motors 1 to 4 of a
   quadrotor X are front right, back left, front left, back right. Both turn the same ways there. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define PILOT_MOTORS 4

enum pilot_fault {
    PILOT_NONE = 0,
    PILOT_SELF_TEST = 1,  /* not yet passed, or failed: weights or constants are damaged */
    PILOT_NOT_FINITE = 2, /* a number that the policy sees, or decides */
    PILOT_TILT = 3,       /* more than 60 degrees */
    PILOT_RATE = 4,       /* more than 1000 degrees/s about an axis */
    PILOT_FENCE = 5,      /* further than 3 m, along an axis, from where it took over */
    PILOT_ESTIMATE = 6,   /* it is old or invalid, or the vehicle is on the ground: the mode's to say */
};

struct pilot_estimate {
    float position_m[3], velocity_m_s[3]; /* NED */
    float attitude[4];                    /* w, x, y, z: FRD to NED */
    float rate_rad_s[3];                  /* FRD */
};

/* Once, before it flies: whether weights and constants are intact. */
int pilot_selftest(void);

/* Whether it may take over from here. If it may, it has: nothing is remembered, as if it had hovered. */
enum pilot_fault pilot_take_over(const struct pilot_estimate *estimate);

/* The estimator has set its estimate elsewhere, which the vehicle has not felt: so much north, east and down, and turned (w, x, y, z; NED to NED).
   Where it took over, and its heading then, go along. A number that is not finite is a fault of the next decision. */
void pilot_reset(const float moved_m[3], const float turned[4]);

/* One decision, POLICY_RATE_HZ of them a second. target_m: NED. speed: of PX4's motors 1 to 4, shares of full speed, 0 to 1; untouched if there is a fault. */
enum pilot_fault pilot_decide(const struct pilot_estimate *estimate, const float target_m[3], float speed[PILOT_MOTORS]);

#ifdef __cplusplus
}
#endif
