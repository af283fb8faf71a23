/* Prints the self-test's answer and the bits of the outputs for INPUTS, in hexadecimal, through semihosting. */
#include "inputs.h"
#include "policy.h"

#include <stdint.h>

enum { WRITE_TEXT = 0x04, EXIT = 0x18, EXIT_WELL = 0x20026 };

static void semihosting(uint32_t operation, uintptr_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(uint32_t bits)
{
    char text[10];
    for (int digit = 0; digit < 8; digit++) {
        text[digit] = "0123456789abcdef"[bits >> (28 - 4 * digit) & 15u];
    }
    text[8] = '\n';
    text[9] = 0;
    semihosting(WRITE_TEXT, (uintptr_t)text);
}

int main(void)
{
    print((uint32_t)policy_selftest());
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        union {
            uint32_t bits[POLICY_INPUTS];
            float values[POLICY_INPUTS];
        } x;
        union {
            uint32_t bits[POLICY_OUTPUTS];
            float values[POLICY_OUTPUTS];
        } y;
        for (unsigned i = 0; i < POLICY_INPUTS; i++) {
            x.bits[i] = inputs[vector][i];
        }
        policy_infer(x.values, y.values);
        for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {
            print(y.bits[i]);
        }
    }
    semihosting(EXIT, EXIT_WELL);
    return 0;
}
