// Runs a few instructions until they cause an exception, and keeps the registers that the exception has set.
#if defined(__aarch64__)
#include "Macros.h"

// uint64_t guest_probe(uint64_t entry, uint64_t state, uint64_t x0, uint64_t x1)
function guest_probe
    stp     x29, x30, [sp, #-96]!
    stp     x27, x28, [sp, #16]
    stp     x25, x26, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x21, x22, [sp, #64]
    stp     x19, x20, [sp, #80]
    msr     elr_el1, x0
    msr     spsr_el1, x1
    load_address x4, probe_vectors
    msr     vbar_el1, x4
    mov     x0, x2
    mov     x1, x3
    isb
    eret

// Exceptions arrive with the old stack, because they change to EL1's own, and with everything masked.
probe_caught:
    load_address x2, probe_results
    str     x0, [x2, #24]
    mrs     x0, esr_el1
    mrs     x3, elr_el1
    mrs     x4, far_el1
    mrs     x5, spsr_el1
    stp     x3, x4, [x2]
    str     x5, [x2, #16]
    load_address x2, guest_vectors
    msr     vbar_el1, x2
    isb
    ldp     x19, x20, [sp, #80]
    ldp     x21, x22, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #32]
    ldp     x27, x28, [sp, #16]
    ldp     x29, x30, [sp], #96
    ret

function guest_probe_result
    load_address x1, probe_results
    ldr     x0, [x1, x0, lsl #3]
    ret

    .section .text.probe_vectors, "ax"
    .balign 2048
probe_vectors:
    .rept   16
    .balign 128
    b       probe_caught
    .endr

    .section .bss.probe, "aw", %nobits
    .balign 64
probe_results:
    .space  64
#endif
