// Memory functions without vector registers.
#define COPIES_MUCH
#include "../../../Kit/Support/AArch64/MemoryFunctions.h"

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
