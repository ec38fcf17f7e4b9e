// Entry of a bare-metal guest, and its one-to-one translation table.
#if defined(__aarch64__)
#include "Macros.h"

#define STACK_SIZE 0x4000

// The first instruction. The processor is the boot CPU, with the MMU off and interrupts masked.
    .section .text.start, "ax"
    .global _start
_start:
    msr     daifset, #15
    msr     spsel, #1
    load_address x1, guest_bss_start
    load_address x2, guest_bss_end
1:  stp     xzr, xzr, [x1], #16
    cmp     x1, x2
    b.lo    1b
    load_address x1, guest_stack_top
    mov     sp, x1
    load_address x1, guest_vectors
    msr     vbar_el1, x1
    isb
    mov     x29, xzr
    mov     x30, xzr
    bl      guest_main
2:  wfi
    b       2b

// Stage 1, 4 KiB granule, 39-bit addresses: one table of 1 GiB blocks.
#define TCR         (25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 1 << 32)
#define MAIR        0xff00
#define BLOCK       0x401
#define NORMAL      (BLOCK | 1 << 2 | 3 << 8)
#define DEVICE_LOW  BLOCK
#define SCTLR_MMU   (1 | 1 << 2 | 1 << 12)

function guest_enable_mmu
    load_address x0, translation_table
    mov     x1, #DEVICE_LOW
    movk    x1, #0x60, lsl #48
    mov     x2, #NORMAL
    movk    x2, #0x4000, lsl #16
    stp     x1, x2, [x0]
    dsb     sy
    msr     ttbr0_el1, x0
    ldr     x1, =TCR
    msr     tcr_el1, x1
    mov     x1, #MAIR
    msr     mair_el1, x1
    tlbi    vmalle1
    dsb     nsh
    isb
    mrs     x1, sctlr_el1
    mov     x2, #SCTLR_MMU
    orr     x1, x1, x2
    msr     sctlr_el1, x1
    isb
    ret

function guest_own_start
    load_address x0, guest_image_start
    ret

function guest_own_end
    load_address x0, guest_image_end
    ret

function guest_clear_bytes
1:  cbz     x1, 2f
    strb    wzr, [x0], #1
    sub     x1, x1, #1
    b       1b
2:  ret

// The functions that the compiler calls. They work byte by byte, because guests measure exits, not memory.
function memset
    mov     x3, x0
1:  cbz     x2, 2f
    strb    w1, [x3], #1
    sub     x2, x2, #1
    b       1b
2:  ret

function memcpy
    mov     x3, x0
1:  cbz     x2, 2f
    ldrb    w4, [x1], #1
    strb    w4, [x3], #1
    sub     x2, x2, #1
    b       1b
2:  ret

function memmove
    cmp     x0, x1
    b.ls    memcpy
1:  cbz     x2, 2f
    sub     x2, x2, #1
    ldrb    w4, [x1, x2]
    strb    w4, [x0, x2]
    b       1b
2:  ret

    .section .bss.guest_stack, "aw", %nobits
    .balign 4096
    .space  STACK_SIZE
guest_stack_top:
    .balign 4096
translation_table:
    .space  4096
#endif
