/* The firmware's app layer: it starts appMain in a task of its own, of low priority, and lets the task sleep after it. */
#pragma once

void appMain(void);
