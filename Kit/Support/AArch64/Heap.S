// void free(void *): the compiler's runtime calls it, and Swift keeps the name from Swift functions.
#if defined(__aarch64__) && !defined(__linux__) && !defined(__APPLE__)
    .section .text.free, "ax"
    .global free
    .type free, %function
free:
    b       entente_heap_release
#endif
