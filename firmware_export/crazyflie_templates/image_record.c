#include "image_record.h"

#include "policy.h"

#ifdef __arm__
/* Initial values of variables are the last things in an image. The symbols are those of the firmware's link script
   (crazyflie-firmware, tools/make/F405/linker/sections_FLASH.ld); weak: without them there is no core-coupled memory. */
extern const char _sidata[], _sdata[], _edata[];
extern const char _siccmdata[] __attribute__((weak)), _sccmdata[] __attribute__((weak)), _eccmdata[] __attribute__((weak));

static const struct {
    char mark[20];
    const char *initial_values[2], *start[2], *end[2]; /* in flash; of the variables in RAM, in core-coupled memory */
    char policy[sizeof POLICY_SHA256];
} record = {
    "robot-practice image",
    {_sidata, _siccmdata},
    {_sdata, _sccmdata},
    {_edata, _eccmdata},
    POLICY_SHA256,
};

const char *image_policy(void)
{
    return record.policy;
}
#else
const char *image_policy(void)
{
    return POLICY_SHA256;
}
#endif
