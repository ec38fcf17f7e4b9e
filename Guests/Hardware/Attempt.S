// Runs arbitrary code, and returns from it after any exception, with the program's own state restored.
#if defined(__aarch64__)
#include "Macros.h"

#define EL1H                5
// SCTLR_EL1 with MMU and caches off, little endian, no alignment check: only its RES1 bits.
#define SCTLR_OFF_LOW       0x0800
#define SCTLR_OFF_HIGH      0x30d0

    // Loads x0…x29 from the table at x30.
    .macro load_registers
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
    .endm

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
    // Sets the watchdog: a timer and an interface that passes its interrupt, regardless of earlier attempts.
    msr     ICC_CTLR_EL1, xzr
    msr     ICC_AP1R0_EL1, xzr
    mov     x3, #0xff
    msr     ICC_PMR_EL1, x3
    mov     x3, #1
    msr     ICC_IGRPEN1_EL1, x3
    msr     cntv_tval_el0, x1
    msr     cntv_ctl_el0, x3
    load_address x3, playground_middle
    mov     sp, x3
    // Copies the code that returns. An attempt also stores around its link register, and must not hit this program.
    load_address x3, return_stub
    load_address x4, playground_return
    ldp     x5, x6, [x3]
    stp     x5, x6, [x4]
    dc      cvau, x4
    dsb     ish
    ic      ivau, x4
    dsb     ish
    isb
    load_address x30, attempt_registers
    load_registers
    load_address x30, playground_return
    eret

    .balign 16
return_stub:
    ldr     x30, 1f
    br      x30
1:  .quad   came_back

came_back:
    msr     daifset, #15
    load_address x1, result
    str     x0, [x1]
    mov     x1, xzr
    b       finish_attempt

// Handles an exception. Stack, endianness and MMU are as the attempt left them, so only registers are used at first.
caught:
    mrs     x1, esr_el1
    // Marks the syndrome, so that an exception is never mistaken for a return: EC 0 (unknown) still has the IL bit.
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

// void guest_jump(uint64_t entry): jumps with the attempt's registers, and does not return.
function guest_jump
    msr     elr_el1, x0
    mov     x3, #EL1H
    msr     spsr_el1, x3
    load_address x3, playground_middle
    mov     sp, x3
    load_address x30, attempt_registers
    load_registers
    eret

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
    .balign 64
attempt_registers:
    .space  256
saved_stack:
    .space  8
result:
    .space  8

// The memory that an attempt reaches by its program counter, stack pointer and link register, with a margin that no
// immediate offset of a store exceeds (64 KiB).
    .section .bss.playground, "aw", %nobits
    .balign 0x10000
    .space  0x10000
playground_return:
    .space  0x10000
playground_middle:
    .space  0x10000
code_buffer:
    .space  0x10000
    .space  0x10000
#endif
