// The entry of all threads of a component. The creator of the thread has set the stack pointer, x0 to the thread's
// number and x1 to its core. Number 0 is the component's main thread. Root's main thread finds the image's address in
// x1.
#if defined(__aarch64__) && !defined(__linux__) && !defined(__APPLE__)
    .section .text.start, "ax"
    .global _start
    .weak   entente_thread_main
_start:
    mov     x29, xzr
    mov     x30, xzr
    cbnz    x0, 1f
    mov     x0, x1
    bl      entente_main
    // A thread that returns has no work left. It faults here, and root reports it.
    udf     #0
1:  mov     x0, x1
    bl      entente_thread_main
    udf     #0
#endif
