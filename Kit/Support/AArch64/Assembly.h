// Macros for the assembly of the kernel, of components and of guests, which include this file by its path.
#pragma once

    .macro function name
    .section .text.\name, "ax"
    .global \name
    .balign 16
\name:
    .endm

// Stores or loads x2…x29 at base + 16…base + 239, in the order of a frame that begins with x0.
    .macro general_registers operation, base
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

// Stores or loads q0…q31 at base…base + 511.
    .macro vector_registers operation, base
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
