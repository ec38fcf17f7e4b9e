/* The instruction by which a guest calls the kernel. */
#pragma once
#include <stdint.h>

/* Executes HVC #0. The kernel keeps all registers in which it does not answer (docs/abi.md). Returns the status. */
static inline __attribute__((always_inline)) uint64_t hypercall(uint64_t operation, uint64_t selector, uint64_t word)
{
    register uint64_t x0 __asm__("x0") = operation;
    register uint64_t x1 __asm__("x1") = selector;
    register uint64_t x2 __asm__("x2") = word;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2)::"x3", "x4", "x5", "x6", "x7", "memory", "cc");
    return x0;
}
