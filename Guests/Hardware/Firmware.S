// Calls to the firmware (PSCI, DEN0022), and the entry of a second processor.
#if defined(__aarch64__)
#include "Macros.h"

#define STACK_SIZE 0x4000

function guest_firmware_call
    hvc     #0
    ret

function guest_firmware_results
    str     x2, [sp, #-16]!
    hvc     #0
    ldr     x4, [sp], #16
    stp     x0, x1, [x4]
    stp     x2, x3, [x4, #16]
    ret

function guest_second_entry
    load_address x0, guest_second_start
    ret

function guest_second_start
    msr     daifset, #15
    msr     spsel, #1
    load_address x1, guest_second_stack_top
    mov     sp, x1
    load_address x1, guest_vectors
    msr     vbar_el1, x1
    isb
    mov     x29, xzr
    mov     x30, xzr
    bl      guest_second_main
1:  wfi
    b       1b

    .section .bss.guest_second_stack, "aw", %nobits
    .balign 4096
    .space  STACK_SIZE
guest_second_stack_top:
#endif
