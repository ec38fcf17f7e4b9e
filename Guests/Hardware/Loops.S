// Loops to measure. Each has the shape of the empty one, so that the difference is the cost of the operation alone.
#if defined(__aarch64__)
#include "Macros.h"

#define SMCCC_VERSION 0x80000000

function guest_loop_empty
1:  subs    x0, x0, #1
    b.ne    1b
    ret

// The function saves registers because SMCCC 1.0 allows a call to change x4…x17.
function guest_loop_hypercall
    stp     x19, x30, [sp, #-16]!
    mov     x19, x0
1:  mov     w0, #SMCCC_VERSION
    hvc     #0
    subs    x19, x19, #1
    b.ne    1b
    ldp     x19, x30, [sp], #16
    ret

function guest_loop_load
1:  ldr     w2, [x1]
    subs    x0, x0, #1
    b.ne    1b
    ret

// Jumps over 15 - x0 of 15 NOPs.
function guest_delay
    adr     x1, 1f
    sub     x1, x1, x0, lsl #2
    br      x1
    .rept   15
    nop
    .endr
1:  ret
#endif
