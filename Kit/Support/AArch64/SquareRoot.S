// double sqrt(double), float sqrtf(float). The standard library calls them for squareRoot().
#if defined(__aarch64__) && !defined(__linux__) && !defined(__APPLE__)
    .section .text.sqrt, "ax"
    .global sqrt
    .type sqrt, %function
sqrt:
    fsqrt   d0, d0
    ret

    .section .text.sqrtf, "ax"
    .global sqrtf
    .type sqrtf, %function
sqrtf:
    fsqrt   s0, s0
    ret
#endif
