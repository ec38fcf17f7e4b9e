// Accessors: memory by width, the counter and timer, PSTATE, the interrupt controller's CPU interface.
#if defined(__aarch64__)
#include "Macros.h"

function guest_load8
    ldrb    w0, [x0]
    ret
function guest_load16
    ldrh    w0, [x0]
    ret
function guest_load32
    ldr     w0, [x0]
    ret
function guest_load64
    ldr     x0, [x0]
    ret
function guest_store8
    strb    w1, [x0]
    ret
function guest_store16
    strh    w1, [x0]
    ret
function guest_store32
    str     w1, [x0]
    ret
function guest_store64
    str     x1, [x0]
    ret

function guest_counter
    isb
    mrs     x0, cntvct_el0
    ret
function guest_counter_frequency
    mrs     x0, cntfrq_el0
    ret
function guest_start_timer
    msr     cntv_tval_el0, x0
    mov     x0, #1
    msr     cntv_ctl_el0, x0
    isb
    ret
function guest_stop_timer
    msr     cntv_ctl_el0, xzr
    isb
    ret

function guest_affinity
    mrs     x0, mpidr_el1
    mov     x1, #0xffffff
    movk    x1, #0xff, lsl #32
    and     x0, x0, x1
    ret

function guest_enable_interrupts
    msr     daifclr, #2
    ret
function guest_disable_interrupts
    msr     daifset, #2
    ret
function guest_wait_for_interrupt
    dsb     sy
    wfi
    ret
function guest_spin_hint
    yield
    ret

function guest_enable_interrupt_interface
    mov     x0, #7
    msr     ICC_SRE_EL1, x0
    isb
    msr     ICC_CTLR_EL1, xzr
    mov     x0, #0xff
    msr     ICC_PMR_EL1, x0
    mov     x0, #1
    msr     ICC_IGRPEN1_EL1, x0
    isb
    ret
function guest_acknowledge_interrupt
    mrs     x0, ICC_IAR1_EL1
    dsb     sy
    ret
function guest_end_interrupt
    msr     ICC_EOIR1_EL1, x0
    isb
    ret
function guest_send_software_interrupt
    dsb     ishst
    msr     ICC_SGI1R_EL1, x0
    isb
    ret

// Makes [x0, x0 + x1) visible to instruction fetch.
function guest_publish_code
    add     x1, x0, x1
    mov     x2, x0
1:  dc      cvau, x2
    add     x2, x2, #4
    cmp     x2, x1
    b.lo    1b
    dsb     ish
2:  ic      ivau, x0
    add     x0, x0, #4
    cmp     x0, x1
    b.lo    2b
    dsb     ish
    isb
    ret
function guest_set_vectors
    msr     vbar_el1, x0
    isb
    ret
#endif
