// Executes one instruction with all registers known before and after.
#if defined(__aarch64__)
#include "Macros.h"
    .arch   armv8-a

#define SCTLR_OFF_LOW       0x0800
#define SCTLR_OFF_HIGH      0x30d0
#define SCTLR_ON            (1 | 1 << 2 | 1 << 12)
#define STATE_LINK          240
#define STATE_SP            248
#define STATE_VECTORS       256
#define FPEN                (3 << 20)

    .macro vectors operation, base
    \operation  q0, q1, [\base]
    \operation  q2, q3, [\base, #32]
    \operation  q4, q5, [\base, #64]
    \operation  q6, q7, [\base, #96]
    \operation  q8, q9, [\base, #128]
    \operation  q10, q11, [\base, #160]
    \operation  q12, q13, [\base, #192]
    \operation  q14, q15, [\base, #224]
    \operation  q16, q17, [\base, #256]
    \operation  q18, q19, [\base, #288]
    \operation  q20, q21, [\base, #320]
    \operation  q22, q23, [\base, #352]
    \operation  q24, q25, [\base, #384]
    \operation  q26, q27, [\base, #416]
    \operation  q28, q29, [\base, #448]
    \operation  q30, q31, [\base, #480]
    .endm

    // Loads or stores x2…x29.
    .macro generals operation, base
    \operation  x2, x3, [\base, #16]
    \operation  x4, x5, [\base, #32]
    \operation  x6, x7, [\base, #48]
    \operation  x8, x9, [\base, #64]
    \operation  x10, x11, [\base, #80]
    \operation  x12, x13, [\base, #96]
    \operation  x14, x15, [\base, #112]
    \operation  x16, x17, [\base, #128]
    \operation  x18, x19, [\base, #144]
    \operation  x20, x21, [\base, #160]
    \operation  x22, x23, [\base, #176]
    \operation  x24, x25, [\base, #192]
    \operation  x26, x27, [\base, #208]
    \operation  x28, x29, [\base, #224]
    .endm

// uint64_t guest_execute(uint64_t entry, uint64_t *state, uint64_t processor_state)
function guest_execute
    stp     x29, x30, [sp, #-96]!
    stp     x27, x28, [sp, #16]
    stp     x25, x26, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x21, x22, [sp, #64]
    stp     x19, x20, [sp, #80]
    load_address x3, execute_stack
    mov     x4, sp
    str     x4, [x3]
    load_address x3, execute_state
    str     x1, [x3]
    load_address x3, execute_vectors
    msr     vbar_el1, x3
    msr     elr_el1, x0
    msr     spsr_el1, x2
    mov     x3, #FPEN
    msr     cpacr_el1, x3
    isb
    add     x3, x1, #STATE_VECTORS
    vectors ldp, x3
    ldr     x3, [x1, #STATE_SP]
    tbz     x2, #0, 1f
    mov     sp, x3
    b       2f
1:  msr     sp_el0, x3
2:  mov     x30, x1
    generals ldp, x30
    ldp     x0, x1, [x30]
    ldr     x30, [x30, #STATE_LINK]
    eret

executed:
    msr     tpidr_el1, x0
    load_address x0, execute_state
    ldr     x0, [x0]
    generals stp, x0
    str     x30, [x0, #STATE_LINK]
    mrs     x2, tpidr_el1
    stp     x2, x1, [x0]
    mrs     x2, spsr_el1
    mov     x3, sp
    tbnz    x2, #0, 1f
    mrs     x3, sp_el0
1:  str     x3, [x0, #STATE_SP]
    add     x3, x0, #STATE_VECTORS
    vectors stp, x3
    load_address x0, guest_vectors
    msr     vbar_el1, x0
    load_address x0, execute_stack
    ldr     x0, [x0]
    mov     sp, x0
    mrs     x0, esr_el1
    isb
    ldp     x19, x20, [sp, #80]
    ldp     x21, x22, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #32]
    ldp     x27, x28, [sp, #16]
    ldp     x29, x30, [sp], #96
    ret

// void guest_translate(uint64_t low, uint64_t high, uint64_t configuration)
function guest_translate
    dsb     sy
    msr     ttbr0_el1, x0
    msr     ttbr1_el1, x1
    msr     tcr_el1, x2
    mov     x3, #0xff00
    msr     mair_el1, x3
    tlbi    vmalle1
    dsb     nsh
    isb
    mov     w3, #SCTLR_OFF_LOW
    movk    w3, #SCTLR_OFF_HIGH, lsl #16
    mov     x4, #SCTLR_ON
    orr     x3, x3, x4
    msr     sctlr_el1, x3
    isb
    ret

function guest_stop_translation
    mov     w3, #SCTLR_OFF_LOW
    movk    w3, #SCTLR_OFF_HIGH, lsl #16
    msr     sctlr_el1, x3
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ret

function guest_memory_features
    mrs     x0, id_aa64mmfr0_el1
    ret

function guest_interrupt_status
    mrs     x0, isr_el1
    ret

// void guest_set_timer(uint64_t control): sets the timer's control with a compare value in the past.
function guest_set_timer
    msr     cntv_cval_el0, xzr
    msr     cntv_ctl_el0, x0
    isb
    ret

function guest_set_physical_timer
    msr     cntp_cval_el0, xzr
    msr     cntp_ctl_el0, x0
    isb
    ret

function guest_set_priority_mask
    msr     icc_pmr_el1, x0
    isb
    ret

    .section .text.execute_vectors, "ax"
    .balign 2048
execute_vectors:
    .rept   16
    .balign 128
    b       executed
    .endr

    .section .bss.execute, "aw", %nobits
    .balign 16
execute_state:
    .space  8
execute_stack:
    .space  8
#endif
