// The exception vectors of well-behaved guests. An interrupt saves the whole integer state, like the test kernels
// with which the figures are compared, and calls guest_handle_exception(vector, frame, ESR_EL1).
// The kernel has vectors of its own, because it saves into a context at EL2 and not on a stack at EL1.
#if defined(__aarch64__)
#include "Macros.h"

#define FRAME_SIZE  288
#define FRAME_LR    240
#define FRAME_PC    256
#define FRAME_LINK  272

    .macro save_frame
    stp     x0, x1, [sp, #-FRAME_SIZE]!
    general_registers stp, sp
    add     x1, sp, #FRAME_SIZE
    stp     x30, x1, [sp, #FRAME_LR]
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x1, x2, [sp, #FRAME_PC]
    // Makes a frame record, so that a debugger can walk through the exception.
    stp     x29, x1, [sp, #FRAME_LINK]
    add     x29, sp, #FRAME_LINK
    .endm

    .macro restore_frame
    ldp     x1, x2, [sp, #FRAME_PC]
    msr     spsr_el1, x2
    msr     elr_el1, x1
    ldr     x30, [sp, #FRAME_LR]
    general_registers ldp, sp
    ldp     x0, x1, [sp], #FRAME_SIZE
    .endm

    .macro vector number
    .balign 128
    b       handle_\number
    .pushsection .text.guest_handlers, "ax"
handle_\number:
    save_frame
    mov     x0, #\number
    mov     x1, sp
    mrs     x2, esr_el1
    bl      guest_handle_exception
    restore_frame
    eret
    .popsection
    .endm

    .section .text.guest_vectors, "ax"
    .global guest_vectors
    .balign 2048
guest_vectors:
    .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vector  \number
    .endr
#endif
