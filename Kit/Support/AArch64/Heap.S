// void free(void *). The compiler's runtime calls it. It is assembly because Swift reserves the name.
    .section .text.free, "ax"
    .global free
    .type free, %function
free:
    b       entente_heap_release
