// Running code that may do anything, and coming back from it: on whatever exception, with state of our own.
#if defined(__aarch64__)
#include "Macros.h"

#define EL1H                5
// SCTLR_EL1 with MMU and caches off, little endian, no alignment check: its RES1 bits alone.
#define SCTLR_OFF_LOW       0x0800
#define SCTLR_OFF_HIGH      0x30d0

// uint64_t guest_attempt(uint64_t entry, uint64_t ticks, uint64_t masks)
function guest_attempt
    stp     x29, x30, [sp, #-96]!
    stp     x27, x28, [sp, #16]
    stp     x25, x26, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x21, x22, [sp, #64]
    stp     x19, x20, [sp, #80]
    load_address x3, saved_stack
    mov     x4, sp
    str     x4, [x3]
    load_address x3, attempt_vectors
    msr     vbar_el1, x3
    msr     elr_el1, x0
    mov     x3, #EL1H
    orr     x3, x3, x2
    msr     spsr_el1, x3
    // The watchdog: a timer and an interface that lets it through, whatever earlier attempts did to them.
    mov     x3, #0xff
    msr     ICC_PMR_EL1, x3
    mov     x3, #1
    msr     ICC_IGRPEN1_EL1, x3
    msr     cntv_tval_el0, x1
    msr     cntv_ctl_el0, x3
    load_address x3, attempt_stack_top
    mov     sp, x3
    isb
    load_address x30, attempt_registers
    ldp     x0, x1, [x30]
    ldp     x2, x3, [x30, #16]
    ldp     x4, x5, [x30, #32]
    ldp     x6, x7, [x30, #48]
    ldp     x8, x9, [x30, #64]
    ldp     x10, x11, [x30, #80]
    ldp     x12, x13, [x30, #96]
    ldp     x14, x15, [x30, #112]
    ldp     x16, x17, [x30, #128]
    ldp     x18, x19, [x30, #144]
    ldp     x20, x21, [x30, #160]
    ldp     x22, x23, [x30, #176]
    ldp     x24, x25, [x30, #192]
    ldp     x26, x27, [x30, #208]
    ldp     x28, x29, [x30, #224]
    adr     x30, came_back
    eret

came_back:
    msr     daifset, #15
    load_address x1, result
    str     x0, [x1]
    mov     x1, xzr
    b       finish_attempt

// An exception: with the stack, the endianness and the MMU as the attempt left them, so registers only at first.
caught:
    mrs     x1, esr_el1
    // An exception is never mistaken for a return: EC 0 (unknown) still has the IL bit.
    orr     x1, x1, #1 << 25
    b       finish_attempt
interrupted:
    mrs     x0, ICC_IAR1_EL1
    msr     cntv_ctl_el0, xzr
    isb
    msr     ICC_EOIR1_EL1, x0
    mov     x1, #-1
finish_attempt:
    mov     w0, #SCTLR_OFF_LOW
    movk    w0, #SCTLR_OFF_HIGH, lsl #16
    msr     sctlr_el1, x0
    msr     spsel, #1
    isb
    msr     cntv_ctl_el0, xzr
    load_address x0, guest_vectors
    msr     vbar_el1, x0
    load_address x0, saved_stack
    ldr     x0, [x0]
    mov     sp, x0
    mov     x0, x1
    ldp     x19, x20, [sp, #80]
    ldp     x21, x22, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #32]
    ldp     x27, x28, [sp, #16]
    ldp     x29, x30, [sp], #96
    ret

function guest_set_attempt_register
    load_address x2, attempt_registers
    str     x1, [x2, x0, lsl #3]
    ret
function guest_attempt_result
    load_address x0, result
    ldr     x0, [x0]
    ret
function guest_code_buffer
    load_address x0, code_buffer
    ret

    .section .text.attempt_vectors, "ax"
    .balign 2048
attempt_vectors:
    .rept   4
    .balign 128
    b       caught
    .balign 128
    b       interrupted
    .balign 128
    b       interrupted
    .balign 128
    b       caught
    .endr

    .section .bss.attempt, "aw", %nobits
    .balign 4096
    .space  4096
attempt_stack_top:
attempt_registers:
    .space  256
saved_stack:
    .space  8
result:
    .space  8
    .balign 4096
code_buffer:
    .space  0x10000
#endif
