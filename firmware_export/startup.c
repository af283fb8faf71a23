/* Starts a program on an STM32F405 without operating system: vector table, FPU on, variables in RAM, main. */
#include <stdint.h>

extern const uint32_t data_in_flash;
extern uint32_t data_start, data_end, zeroed_start, zeroed_end, stack_top;

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u) /* CPACR, ARMv7-M B3.2.20 */
#define FPU_FULL_ACCESS (0xFu << 20)

int main(void);
void reset(void);
void stopped(int status);
void fault(void);

/* A program of functions alone, which an emulator calls one by one. */
__attribute__((weak)) int main(void)
{
    return 0;
}

/* Where a program ends, with what main returned. */
__attribute__((noinline)) void stopped(int status)
{
    for (;;) {
        __asm volatile("wfi" : : "r"(status));
    }
}

void fault(void)
{
    for (;;) {
    }
}

void reset(void)
{
    COPROCESSOR_ACCESS |= FPU_FULL_ACCESS;
    __asm volatile("dsb\n\tisb" : : : "memory");
    const uint32_t *from = &data_in_flash;
    for (uint32_t *to = &data_start; to != &data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &zeroed_start; to != &zeroed_end; to++) {
        *to = 0;
    }
    stopped(main());
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) const handler vectors[16] = {
    (handler)&stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault,
};
