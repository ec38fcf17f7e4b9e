// Entry of a component's first thread. The kernel has set the stack pointer; x0 is the argument.
    .section .text.start, "ax"
    .global _start
_start:
    mov     x29, xzr
    mov     x30, xzr
    bl      entente_main
    // A component that returns has nothing left to do: it faults, and root reports it.
    udf     #0

    .section .text.entente_thread_start, "ax"
    .global entente_thread_start
// Entry of a further thread; x0 is its argument (a core number).
entente_thread_start:
    mov     x29, xzr
    mov     x30, xzr
    bl      entente_thread_main
    udf     #0
