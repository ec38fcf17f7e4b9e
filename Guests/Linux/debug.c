/* The requests of a debugger to the kernel: single steps, hardware breakpoints and watchpoints, by ptrace of a child.
   Prints `debug: NAME VALUE`, and exits with 1 if a result differs from the expected one. */
#include "linux.h"
#include "output.h"

enum {
    SYS_ptrace = 117,
    PTRACE_TRACEME = 0,
    PTRACE_CONT = 7,
    PTRACE_SINGLESTEP = 9,
    PTRACE_GETREGSET = 0x4204,
    PTRACE_SETREGSET = 0x4205,
    NT_PRSTATUS = 1,
    NT_ARM_HW_BREAK = 0x402,
    NT_ARM_HW_WATCH = 0x403,
    SIGTRAP = 5,
    SIGSTOP = 19,
    STEPS = 2000,
};

struct registers {
    uint64_t x[31], sp, pc, state;
};
struct debug_state {
    uint32_t info, pad;
    struct {
        uint64_t address;
        uint32_t control, pad;
    } comparators[16];
};
struct vector {
    void *base;
    size_t size;
};

static volatile uint64_t watched, other;
static int failures;

static __attribute__((noinline)) void visit(uint64_t value)
{
    __asm__ volatile("" ::"r"(value) : "memory");
}

/* Runs the child: endless turns through the code and data at which its parent sets its traps. */
static __attribute__((noreturn)) void run_child(void)
{
    system_call6(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0, 0, 0);
    system_call3(SYS_kill, system_call3(SYS_getpid, 0, 0, 0), SIGSTOP, 0);
    for (uint64_t turn = 0;; turn++) {
        other = turn;
        visit(turn);
        watched = turn;
    }
}

/* Returns the signal that stopped the child, or 0 if it has ended. */
static int wait_for_stop(long child)
{
    int status = 0;
    if (system_call6(SYS_wait4, child, (long)&status, 0, 0, 0, 0) != child) return 0;
    return (status & 0xff) == 0x7f ? status >> 8 & 0xff : 0;
}

static long register_set(int request, long child, int kind, void *base, size_t size)
{
    struct vector vector = {base, size};
    return system_call6(SYS_ptrace, request, child, kind, (long)&vector, 0, 0);
}

static uint64_t program_counter(long child)
{
    struct registers registers;
    return register_set(PTRACE_GETREGSET, child, NT_PRSTATUS, &registers, sizeof registers) ? 0 : registers.pc;
}

static void report(const char *name, uint64_t value, uint64_t expected)
{
    struct pair pairs[] = {{name, value}, {0, 0}};
    write_pairs("debug: ", pairs);
    failures += value != expected;
}

/* Counts steps that ended with a trap and at another instruction. */
static void step(long child)
{
    uint64_t stops = 0, last = program_counter(child);
    for (int count = 0; count < STEPS; count++) {
        if (system_call6(SYS_ptrace, PTRACE_SINGLESTEP, child, 0, 0, 0, 0) || wait_for_stop(child) != SIGTRAP) break;
        uint64_t now = program_counter(child);
        stops += now != last;
        last = now;
    }
    report("steps ", stops, STEPS);
}

/* Sets one breakpoint or watchpoint, and counts the stops of the child at it. */
static void meet(long child, const char *name, int kind, const volatile void *address, uint32_t control)
{
    struct debug_state state = {0};
    state.comparators[0].address = (uint64_t)address;
    state.comparators[0].control = control;
    size_t size = sizeof state.info + sizeof state.pad + sizeof state.comparators[0];
    if (register_set(PTRACE_SETREGSET, child, kind, &state, size)) return report(name, 0, 1);
    uint64_t hits = 0;
    for (int count = 0; count < 100; count++) {
        if (system_call6(SYS_ptrace, PTRACE_CONT, child, 0, 0, 0, 0) || wait_for_stop(child) != SIGTRAP) break;
        uint64_t now = program_counter(child);
        hits += kind == NT_ARM_HW_WATCH || now == (uint64_t)address;
        /* Linux stops before the store, and steps over a watchpoint by itself only if no tracer is told. */
        state.comparators[0].control = 0;
        register_set(PTRACE_SETREGSET, child, kind, &state, size);
        system_call6(SYS_ptrace, PTRACE_SINGLESTEP, child, 0, 0, 0, 0);
        wait_for_stop(child);
        state.comparators[0].control = control;
        register_set(PTRACE_SETREGSET, child, kind, &state, size);
    }
    state.comparators[0].control = 0;
    register_set(PTRACE_SETREGSET, child, kind, &state, size);
    report(name, hits, 100);
}

static int run(void)
{
    long child = fork_process();
    if (child == 0) run_child();
    if (child < 0 || wait_for_stop(child) != SIGSTOP) fail("trace a child");
    step(child);
    meet(child, "breakpoint ", NT_ARM_HW_BREAK, (const void *)visit, 1 | 0xf << 5);
    meet(child, "watchpoint ", NT_ARM_HW_WATCH, &watched, 1 | 2 << 3 | 0xff << 5);
    step(child);
    system_call3(SYS_kill, child, SIGKILL, 0);
    return failures != 0;
}

__attribute__((used, noreturn)) static void start(void) { exit_process(run()); }

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "b      start\n");
