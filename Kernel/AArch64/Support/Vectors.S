// Exception vectors: they save the tenant's registers in its context, call Swift (Exceptions.swift), and load the
// registers of the context that runs next.
//
// While a tenant runs, SP_EL2 holds the address of its context (RegisterFrame is the context's first member).
// TPIDR_EL2 holds the address of the core's `Core`, which is also the top of the core's stack.

    .equ    FRAME_X30, 240              // x30, then SP_EL0
    .equ    FRAME_PC, 256               // program counter, then processor state
    .equ    CORE_INSIDE, 0              // number of the entry, or 0; then the count of entries
    .equ    CORE_ENTRIES, 8

    .macro  save_context
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x2, sp_el0
    stp     x30, x2, [sp, #FRAME_X30]
    mrs     x2, elr_el2
    mrs     x3, spsr_el2
    stp     x2, x3, [sp, #FRAME_PC]
    mrs     x0, tpidr_el2
    // Kernel.enter: each object that the core looks up from here on counts as used. x29 keeps the tenant's value, so
    // that a backtrace ends where it leaves the stack.
    ldr     x2, [x0, #CORE_ENTRIES]
    add     x2, x2, #1
    stp     x2, x2, [x0, #CORE_INSIDE]
    dmb     ish
    mov     x1, sp
    mov     sp, x0
    .endm

    .macro  vector handler
    .balign 128
    b       \handler
    .endm

    .section .text.vectors, "ax"
    .balign 2048
    .global kernel_vectors
kernel_vectors:
    // From EL2 with SP_EL0: never used.
    .rept   4
    vector  kernel_fault
    .endr
    // From EL2: the kernel runs with interrupts off, so that an exception is a kernel bug, except for the error for
    // which `take_error` waits.
    .rept   3
    vector  kernel_fault
    .endr
    vector  own_error
    // From a tenant, AArch64.
    vector  tenant_synchronous
    vector  tenant_interrupt
    vector  tenant_interrupt
    vector  tenant_error
    // From a tenant, AArch32 (EL0 of a machine).
    vector  tenant_synchronous
    vector  tenant_interrupt
    vector  tenant_interrupt
    vector  tenant_error

tenant_interrupt:
    save_context
    bl      kernel_interrupt
    b       kernel_resume

tenant_error:
    save_context
    bl      kernel_error
    b       kernel_resume

// Handles an asynchronous abort at EL2, where aborts are masked except in `take_error`. Returns with aborts masked,
// so that there is no second one.
own_error:
    stp     x0, x1, [sp, #-16]!
    mrs     x0, spsr_el2
    orr     x0, x0, #1 << 8             // PSTATE.A
    msr     spsr_el2, x0
    ldp     x0, x1, [sp], #16
    eret

tenant_synchronous:
    save_context
    bl      kernel_synchronous
    // Falls through to kernel_resume.

// Runs the context in x0. The stack is empty: SP is the address of `Core`.
    .global kernel_resume
kernel_resume:
    stlr    xzr, [sp]                   // Kernel.leave: CORE_INSIDE
    ldp     x2, x3, [x0, #FRAME_PC]
    msr     elr_el2, x2
    msr     spsr_el2, x3
    ldp     x30, x2, [x0, #FRAME_X30]
    msr     sp_el0, x2
    mov     sp, x0
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    eret

// Handles a kernel bug. Uses the end of the core's page, behind `Core`, because the stack may be the cause.
kernel_fault:
    mrs     x18, tpidr_el2
    add     x18, x18, #4096
    stp     x28, x29, [x18, #-16]!
    stp     x26, x27, [x18, #-16]!
    stp     x24, x25, [x18, #-16]!
    stp     x22, x23, [x18, #-16]!
    stp     x20, x21, [x18, #-16]!
    stp     xzr, x19, [x18, #-16]!
    stp     x16, x17, [x18, #-16]!
    stp     x14, x15, [x18, #-16]!
    stp     x12, x13, [x18, #-16]!
    stp     x10, x11, [x18, #-16]!
    stp     x8, x9, [x18, #-16]!
    stp     x6, x7, [x18, #-16]!
    stp     x4, x5, [x18, #-16]!
    stp     x2, x3, [x18, #-16]!
    stp     x0, x1, [x18, #-16]!
    mov     x0, x18
    mov     x1, x30
    mov     x2, sp
    mov     sp, x18
    bl      kernel_panic
1:  wfi
    b       1b
