// One access of each kind that the architecture has, to provoke aborts with and without a valid syndrome.
#if defined(__aarch64__)
#include "Macros.h"
    .arch   armv8.1-a

    .macro access instruction:vararg
    \instruction
    ret
    .endm

    .section .text.accesses, "ax"
    .balign 16
accesses:
    access  ldrb    w2, [x0]
    access  ldrsh   x2, [x0]
    access  ldr     w2, [x0]
    access  ldr     x2, [x0]
    access  strb    w1, [x0]
    access  strh    w1, [x0]
    access  str     w1, [x0]
    access  str     x1, [x0]
    access  str     xzr, [x0]
    // Accesses with write-back, pairs, unscaled and unprivileged ones, which have no syndrome or another one.
    access  ldr     x2, [x0], #8
    access  str     x1, [x0, #-8]!
    access  ldp     x2, x3, [x0]
    access  stp     x1, x1, [x0]
    access  ldnp    x2, x3, [x0]
    access  ldpsw   x2, x3, [x0]
    access  ldur    x2, [x0, #3]
    access  sturh   w1, [x0, #1]
    access  ldtr    x2, [x0]
    access  sttr    x1, [x0]
    // Ordered and exclusive accesses.
    access  ldar    x2, [x0]
    access  stlr    x1, [x0]
    access  ldxr    x2, [x0]
    access  ldaxp   x2, x3, [x0]
    access  stxr    w3, x1, [x0]
    access  stlxp   w3, x1, x1, [x0]
    // Atomic accesses (from Armv8.1 on).
    access  ldadd   x1, x2, [x0]
    access  swpal   w1, w2, [x0]
    access  cas     x1, x2, [x0]
    access  casp    x2, x3, x4, x5, [x0]
    // Accesses of vector registers.
    access  ldr     q0, [x0]
    access  str     d0, [x0]
    access  ld1     {v0.16b-v3.16b}, [x0]
    access  st4     {v0.4s-v3.4s}, [x0]
    // Cache maintenance, translation and prefetch.
    access  dc      cvac, x0
    access  dc      civac, x0
    access  dc      ivac, x0
    access  dc      zva, x0
    access  dc      cisw, x1
    access  dc      isw, x1
    access  ic      ivau, x0
    access  at      s1e1r, x0
    access  at      s1e0w, x0
    access  prfm    pldl1keep, [x0]
    // A jump.
    access  br      x0
accesses_end:

function guest_access_count
    mov     x0, #(accesses_end - accesses) / 8
    ret

function guest_access_code
    load_address x1, accesses
    add     x0, x1, x0, lsl #3
    ret
#endif
