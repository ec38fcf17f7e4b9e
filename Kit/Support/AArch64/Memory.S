// Memory functions. The compiler calls memset, memcpy, memmove and memcmp. The *_blocks functions handle large blocks.
#if defined(__aarch64__) && !defined(__linux__) && !defined(__APPLE__)
    .macro function name
    .section .text.\name, "ax"
    .global \name
    .balign 16
\name:
    .endm

// void *memset(void *to, int byte, size_t size)
function memset
    mov     x3, x0
    and     x1, x1, #0xff
    mov     x4, #0x0101010101010101
    mul     x1, x1, x4
1:  subs    x2, x2, #16
    b.lo    2f
    stp     x1, x1, [x3], #16
    b       1b
2:  adds    x2, x2, #16
    b.eq    4f
3:  strb    w1, [x3], #1
    subs    x2, x2, #1
    b.ne    3b
4:  ret

// void *memmove(void *to, const void *from, size_t size)
function memmove
    sub     x3, x0, x1
    cmp     x3, x2
    b.hs    memcpy
    add     x3, x0, x2
    add     x1, x1, x2
1:  cbz     x2, 2f
    ldrb    w4, [x1, #-1]!
    strb    w4, [x3, #-1]!
    sub     x2, x2, #1
    b       1b
2:  ret

// void *memcpy(void *to, const void *from, size_t size)
function memcpy
    mov     x3, x0
1:  subs    x2, x2, #16
    b.lo    2f
    ldp     x4, x5, [x1], #16
    stp     x4, x5, [x3], #16
    b       1b
2:  adds    x2, x2, #16
    b.eq    4f
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
#endif
