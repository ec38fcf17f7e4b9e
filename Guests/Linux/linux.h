/* Linux system calls for a program without a C library (AArch64: number in x8, arguments in x0…x5). */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum system_call {
    SYS_io_setup = 0,
    SYS_io_submit = 2,
    SYS_io_getevents = 4,
    SYS_eventfd2 = 19,
    SYS_ioctl = 29,
    SYS_openat = 56,
    SYS_close = 57,
    SYS_pipe2 = 59,
    SYS_read = 63,
    SYS_write = 64,
    SYS_pread64 = 67,
    SYS_pwrite64 = 68,
    SYS_fsync = 82,
    SYS_exit = 93,
    SYS_nanosleep = 101,
    SYS_clock_gettime = 113,
    SYS_clock_nanosleep = 115,
    SYS_sched_setscheduler = 119,
    SYS_sched_setaffinity = 122,
    SYS_sched_yield = 124,
    SYS_kill = 129,
    SYS_reboot = 142,
    SYS_prctl = 167,
    SYS_getpid = 172,
    SYS_getppid = 173,
    SYS_munmap = 215,
    SYS_clone = 220,
    SYS_execve = 221,
    SYS_mmap = 222,
    SYS_mlockall = 230,
    SYS_madvise = 233,
    SYS_wait4 = 260,
};

enum {
    EINTR = 4,
    SIGKILL = 9,
    SIGCHLD = 17,
    WNOHANG = 1,
    CLONE_VM = 0x100,
    CLONE_VFORK = 0x4000,
    AT_FDCWD = -100,
    O_RDWR = 2,
    O_DIRECT = 0x10000,
    PROT_READ_WRITE = 3,
    MAP_SHARED = 1,
    MAP_PRIVATE_ANONYMOUS = 0x22,
    MADV_DONTNEED = 4,
    MADV_NOHUGEPAGE = 15,
    CLOCK_MONOTONIC = 1,
    TIMER_ABSTIME = 1,
    SCHED_FIFO = 1,
    MCL_CURRENT = 1,
    MCL_FUTURE = 2,
    PR_SET_TIMERSLACK = 29,
};

/* Performs a system call. Returns the kernel's result; -4095…-1 are errors. */
static inline __attribute__((always_inline)) long system_call6(
    enum system_call number, long a0, long a1, long a2, long a3, long a4, long a5)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a0;
    register long x1 __asm__("x1") = a1;
    register long x2 __asm__("x2") = a2;
    register long x3 __asm__("x3") = a3;
    register long x4 __asm__("x4") = a4;
    register long x5 __asm__("x5") = a5;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
    return x0;
}

static inline __attribute__((always_inline)) long system_call3(enum system_call number, long a0, long a1, long a2)
{
    return system_call6(number, a0, a1, a2, 0, 0, 0);
}

static inline __attribute__((noreturn)) void exit_process(int status)
{
    for (;;)
        system_call3(SYS_exit, status, 0, 0);
}

/* Returns 1 if two texts, such as arguments, are the same. */
static inline int is_equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Turns the machine off. Only process 1 of the machine may do so. */
static inline __attribute__((noreturn)) void power_off(void)
{
    for (;;)
        system_call3(SYS_reboot, 0xfee1dead, 0x28121969, 0x4321fedc);
}

/* Returns 0 in the child, and the child's process number in the parent. */
static inline __attribute__((always_inline)) long fork_process(void)
{
    return system_call6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

/* Starts `path` in a child, which shares this memory until then. Between the two system calls it touches no memory, so
   that it cannot disturb the stack that it shares. Returns the child's process number. */
static inline long spawn_process(const char *path, char *const arguments[], char *const environment[])
{
    register long x8 __asm__("x8") = SYS_clone;
    register long x0 __asm__("x0") = CLONE_VM | CLONE_VFORK | SIGCHLD;
    register long x1 __asm__("x1") = 0;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile(
        "svc    #0\n"
        "cbnz   x0, 1f\n"
        "mov    x0, %[path]\n"
        "mov    x1, %[arguments]\n"
        "mov    x2, %[environment]\n"
        "mov    x8, %[execve]\n"
        "svc    #0\n"
        "mov    x0, #127\n"
        "mov    x8, %[exit]\n"
        "svc    #0\n"
        "1:\n"
        : "+r"(x0), "+r"(x8), "+r"(x1), "+r"(x2)
        : "r"(x3), "r"(x4), [path] "r"(path), [arguments] "r"(arguments), [environment] "r"(environment),
          [execve] "i"(SYS_execve), [exit] "i"(SYS_exit)
        : "memory", "cc");
    return x0;
}

/* Returns the generic timer's virtual counter and its frequency in Hz, which Linux lets programs read. */
static inline uint64_t read_counter(void)
{
    uint64_t value;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static inline uint64_t counter_frequency(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}
