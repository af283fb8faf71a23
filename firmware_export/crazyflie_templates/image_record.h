/* What `robot flash` looks for in a firmware image: whose policy it carries, and where it ends. */
#pragma once

/* SHA-256 of the policy, as hex. Whoever calls this has the linker keep the record. */
const char *image_policy(void);
