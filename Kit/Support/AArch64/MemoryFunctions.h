// The functions that the compiler calls, for the kernel, for components and for guests. They use no vector registers.
//
// COPIES_MUCH adds loops for 256 and for 64 bytes to memcpy, with which the kernel copies leases, and backends the data
// of disks. MEMORY_IS_DEVICE leaves bytes alone, because a guest whose MMU is off may not access memory unaligned.
#include "Assembly.h"

// void *memset(void *to, int byte, size_t size)
function memset
    mov     x3, x0
#ifdef MEMORY_IS_DEVICE
    cbz     x2, 4f
#else
    and     x1, x1, #0xff
    mov     x4, #0x0101010101010101
    mul     x1, x1, x4
1:  subs    x2, x2, #16
    b.lo    2f
    stp     x1, x1, [x3], #16
    b       1b
2:  adds    x2, x2, #16
    b.eq    4f
#endif
3:  strb    w1, [x3], #1
    subs    x2, x2, #1
    b.ne    3b
4:  ret

// void *memmove(void *to, const void *from, size_t size)
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

// void *memcpy(void *to, const void *from, size_t size)
function memcpy
    mov     x3, x0
#ifdef COPIES_MUCH
    subs    x2, x2, #256
    b.lo    6f
5:  .irp    offset, 0, 64, 128, 192
    ldp     x4, x5, [x1, #\offset]
    ldp     x6, x7, [x1, #\offset + 16]
    ldp     x8, x9, [x1, #\offset + 32]
    ldp     x10, x11, [x1, #\offset + 48]
    stp     x4, x5, [x3, #\offset]
    stp     x6, x7, [x3, #\offset + 16]
    stp     x8, x9, [x3, #\offset + 32]
    stp     x10, x11, [x3, #\offset + 48]
    .endr
    add     x1, x1, #256
    add     x3, x3, #256
    subs    x2, x2, #256
    b.hs    5b
6:  adds    x2, x2, #192                // The rest, less the 64 bytes that the next loop needs.
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
#endif
#ifdef MEMORY_IS_DEVICE
    cbz     x2, 4f
#else
1:  subs    x2, x2, #16
    b.lo    2f
    ldp     x4, x5, [x1], #16
    stp     x4, x5, [x3], #16
    b       1b
2:  adds    x2, x2, #16
    b.eq    4f
#endif
3:  ldrb    w4, [x1], #1
    strb    w4, [x3], #1
    subs    x2, x2, #1
    b.ne    3b
4:  ret

// int memcmp(const void *left, const void *right, size_t size)
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
