// Memory functions without vector registers. The compiler emits calls of memset, memcpy, memmove and memcmp.

    .macro function name
    .section .text.\name, "ax"
    .global \name
    .balign 16
\name:
    .endm

function memset
    mov     x3, x0
    and     x1, x1, #0xff
    mov     x4, #0x0101010101010101
    mul     x1, x1, x4
0:  subs    x2, x2, #16
    b.lo    1f
    stp     x1, x1, [x3], #16
    b       0b
1:  add     x2, x2, #16
1:  cbz     x2, 2f
    strb    w1, [x3], #1
    sub     x2, x2, #1
    b       1b
2:  ret

function memmove
    sub     x3, x0, x1
    cmp     x3, x2
    b.hs    memcpy
1:  cbz     x2, 2f
    sub     x2, x2, #1
    ldrb    w3, [x1, x2]
    strb    w3, [x0, x2]
    b       1b
2:  ret

function memcpy
    mov     x3, x0
    subs    x2, x2, #64
    b.lo    1f
0:  ldp     x4, x5, [x1], #16
    ldp     x6, x7, [x1], #16
    ldp     x8, x9, [x1], #16
    ldp     x10, x11, [x1], #16
    stp     x4, x5, [x3], #16
    stp     x6, x7, [x3], #16
    stp     x8, x9, [x3], #16
    stp     x10, x11, [x3], #16
    subs    x2, x2, #64
    b.hs    0b
1:  add     x2, x2, #64
1:  subs    x2, x2, #16
    b.lo    2f
    ldp     x4, x5, [x1], #16
    stp     x4, x5, [x3], #16
    b       1b
2:  add     x2, x2, #16
3:  cbz     x2, 4f
    ldrb    w4, [x1], #1
    strb    w4, [x3], #1
    sub     x2, x2, #1
    b       3b
4:  ret

function memcmp
1:  cbz     x2, 2f
    ldrb    w3, [x0], #1
    ldrb    w4, [x1], #1
    sub     x2, x2, #1
    subs    w5, w3, w4
    b.eq    1b
    mov     w0, w5
    ret
2:  mov     w0, #0
    ret

// void memory_zero(uint64_t address, uint64_t size): zeroes Normal memory; both are multiples of 64.
function memory_zero
    mrs     x2, dczid_el0
    cmp     x2, #4                      // blocks of 64 bytes, not prohibited
    b.ne    1f
0:  subs    x1, x1, #256
    b.lo    5f
    .rept   4
    dc      zva, x0
    add     x0, x0, #64
    .endr
    b       0b
5:  adds    x1, x1, #256
    b.eq    4f
6:  dc      zva, x0
    add     x0, x0, #64
    subs    x1, x1, #64
    b.hi    6b
    ret
1:  subs    x1, x1, #256
    b.lo    2f
    .rept   16
    stp     xzr, xzr, [x0], #16
    .endr
    b       1b
2:  adds    x1, x1, #256
    b.eq    4f
3:  subs    x1, x1, #64
    .rept   4
    stp     xzr, xzr, [x0], #16
    .endr
    b.hi    3b
4:  ret
