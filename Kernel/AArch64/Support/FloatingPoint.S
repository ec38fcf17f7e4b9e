// Moves the FP and SIMD registers between hardware and a FloatingPointFrame (x0). These are the only such
// instructions in the kernel: the image check knows these two functions by name.
#include "../../../Kit/Support/AArch64/Assembly.h"

    .section .text.floating_point_save, "ax"
    .global floating_point_save
floating_point_save:
    vector_registers stp, x0
    mrs     x1, fpcr
    mrs     x2, fpsr
    str     x1, [x0, #512]
    str     x2, [x0, #520]
    ret

    .section .text.floating_point_load, "ax"
    .global floating_point_load
floating_point_load:
    vector_registers ldp, x0
    ldr     x1, [x0, #512]
    ldr     x2, [x0, #520]
    msr     fpcr, x1
    msr     fpsr, x2
    ret
