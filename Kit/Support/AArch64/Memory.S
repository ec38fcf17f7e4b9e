// Memory functions. The *_blocks forms move much at once, with vector registers. The checksum takes 64 bytes in a turn.
#if defined(__aarch64__) && !defined(__linux__) && !defined(__APPLE__)
#define COPIES_MUCH
#include "MemoryFunctions.h"

// void entente_zero_blocks(uint64_t address, uint64_t size)
function entente_zero_blocks
    movi    v0.2d, #0
    movi    v1.2d, #0
    movi    v2.2d, #0
    movi    v3.2d, #0
1:  subs    x1, x1, #512
    b.lo    2f
    .rept   8
    st1     {v0.2d-v3.2d}, [x0], #64
    .endr
    b       1b
2:  adds    x1, x1, #512
    b.eq    4f
3:  st1     {v0.2d-v3.2d}, [x0], #64
    subs    x1, x1, #64
    b.hi    3b
4:  ret

// void entente_copy_blocks(uint64_t to, uint64_t from, uint64_t size)
function entente_copy_blocks
1:  subs    x2, x2, #512
    b.lo    2f
    .rept   8
    ld1     {v0.2d-v3.2d}, [x1], #64
    st1     {v0.2d-v3.2d}, [x0], #64
    .endr
    b       1b
2:  adds    x2, x2, #512
    b.eq    4f
3:  ld1     {v0.2d-v3.2d}, [x1], #64
    st1     {v0.2d-v3.2d}, [x0], #64
    subs    x2, x2, #64
    b.hi    3b
4:  ret

// uint32_t entente_crc32c(uint64_t address, uint64_t size)
    .arch_extension crc
function entente_crc32c
    mov     w2, #-1
    subs    x1, x1, #64
    b.lo    2f
1:  .rept   4
    ldp     x3, x4, [x0], #16
    crc32cx w2, w2, x3
    crc32cx w2, w2, x4
    .endr
    subs    x1, x1, #64
    b.hs    1b
2:  adds    x1, x1, #64
    b.eq    4f
3:  ldr     x3, [x0], #8
    crc32cx w2, w2, x3
    subs    x1, x1, #8
    b.hi    3b
4:  mvn     w0, w2
    ret

// void entente_clean_to_memory(uint64_t address, uint64_t size). The step is the smallest line of any cache.
function entente_clean_to_memory
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x2, x3, x2
    add     x1, x0, x1
    sub     x3, x2, #1
    bic     x0, x0, x3
    sub     x4, x1, x2, lsl #3          // eight lines in each turn, while there are as many
1:  cmp     x0, x4
    b.hi    2f
    .rept   8
    dc      civac, x0
    add     x0, x0, x2
    .endr
    b       1b
2:  cmp     x0, x1
    b.hs    3f
    dc      civac, x0
    add     x0, x0, x2
    b       2b
3:  dsb     sy
    ret

// The two functions below store and clean in one pass. They take 128 bytes, two lines of 64, without any arithmetic:
// x0 moves to the first quarter, then to the fourth, and stores each; x4 stores the two quarters between them. So x0
// lies in each of the lines once all of it has been stored, and DC takes any address in a line. Larger lines are
// cleaned several times. Smaller lines, addresses inside a line and the bytes after the last turn are left to the
// functions above.

    .equ    turn, 2048

// Branches to `other` unless lines have at least 64 bytes and x0 is a multiple of 64. Otherwise sets x0, x4 and x5 for
// the pass. Uses x3.
    .macro  begin_pass other
    mrs     x3, ctr_el0
    ubfx    x3, x3, #16, #4
    cmp     x3, #4
    b.lo    \other
    tst     x0, #63
    b.ne    \other
    sub     x0, x0, #32
    add     x4, x0, #64
    mov     x5, #128
    .endm

// void entente_zero_to_memory(uint64_t address, uint64_t size)
function entente_zero_to_memory
    begin_pass 3f
    movi    v0.2d, #0
    movi    v1.2d, #0
    movi    v2.2d, #0
    movi    v3.2d, #0
    subs    x1, x1, #turn
    b.lo    2f
1:  .rept   turn / 128
    stp     q0, q1, [x0, #32]!
    st1     {v0.2d-v3.2d}, [x4], x5
    dc      civac, x0
    stp     q2, q3, [x0, #96]!
    dc      civac, x0
    .endr
    subs    x1, x1, #turn
    b.hs    1b
2:  add     x0, x0, #32
    add     x1, x1, #turn
3:  mov     x5, x0                      // the remaining bytes, which may be none; the DSB for all follows them
    mov     x6, x1
    mov     x7, x30
    bl      entente_zero_blocks
    mov     x0, x5
    mov     x1, x6
    mov     x30, x7
    b       entente_clean_to_memory

// void entente_copy_to_memory(uint64_t to, uint64_t from, uint64_t size)
function entente_copy_to_memory
    begin_pass 3f
    subs    x2, x2, #turn
    b.lo    2f
1:  .rept   turn / 128
    ld1     {v0.2d-v3.2d}, [x1], #64
    ld1     {v4.2d-v7.2d}, [x1], #64
    stp     q0, q1, [x0, #32]!
    st1     {v2.2d-v5.2d}, [x4], x5
    dc      civac, x0
    stp     q6, q7, [x0, #96]!
    dc      civac, x0
    .endr
    subs    x2, x2, #turn
    b.hs    1b
2:  add     x0, x0, #32
    add     x2, x2, #turn
3:  mov     x5, x0
    mov     x6, x2
    mov     x7, x30
    bl      entente_copy_blocks
    mov     x0, x5
    mov     x1, x6
    mov     x30, x7
    b       entente_clean_to_memory
#endif
