#pragma once

#include <cstdint>

using hrt_abstime = uint64_t;

extern "C" hrt_abstime hrt_absolute_time(); // us since the start
