// void free(void *). The compiler's runtime calls it. It is assembly because Swift reserves the name.
#if defined(__aarch64__) && !defined(__linux__) && !defined(__APPLE__)
    .section .text.free, "ax"
    .global free
    .type free, %function
free:
    b       entente_heap_release
#endif
