// The exception vectors of well-behaved guests. An interrupt saves the whole integer state, like the test kernels
// with which the figures are compared, and calls guest_handle_exception(vector, frame, ESR_EL1).
#if defined(__aarch64__)
#include "Macros.h"

#define FRAME_SIZE  288
#define FRAME_LR    240
#define FRAME_PC    256
#define FRAME_LINK  272

    .macro save_frame
    stp     x0, x1, [sp, #-FRAME_SIZE]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
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
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
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
