// Access to a register of a breakpoint or watchpoint by its number. An instruction cannot take the number from a
// register.

    .macro  entry name
    msr     \name, x1
    mrs     x0, \name
    ret
    nop
    .endm

// uint64_t debug_exchange(uint64_t index, uint64_t value): writes a register, and returns the value that it has kept.
// The index is that of `DebugComparator`, below 64.
    .section .text.debug_exchange, "ax"
    .global debug_exchange
debug_exchange:
    adr     x2, 1f
    add     x2, x2, x0, lsl #4
    br      x2
1:
    .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    entry   dbgbvr\number\()_el1
    .endr
    .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    entry   dbgbcr\number\()_el1
    .endr
    .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    entry   dbgwvr\number\()_el1
    .endr
    .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    entry   dbgwcr\number\()_el1
    .endr
