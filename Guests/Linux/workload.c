/* Counts the instructions of everyday work of an operating system: a loop, system calls, processes, memory, pipes.
   Prints `workload: NAME VALUE`, instructions for one operation by the virtual counter, which under the emulator's
   `-icount shift=0` counts 1 ns for an instruction; last `workload: total VALUE`, all of the measured instructions. */
#include "linux.h"
#include "output.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static char *own_path;

/* Executes `count` turns of 100 instructions. */
static void run_loop(uint64_t count)
{
    uint64_t scratch = 0;
    __asm__ volatile(
        "1:\n"
        ".rept 98\n"
        "add    %[scratch], %[scratch], #1\n"
        ".endr\n"
        "subs   %[count], %[count], #1\n"
        "b.ne   1b\n"
        : [count] "+r"(count), [scratch] "+r"(scratch)::"cc");
}

static void call_getppid(uint64_t count)
{
    while (count-- > 0)
        system_call3(SYS_getppid, 0, 0, 0);
}

static void wait_for(long process)
{
    int status = -1;
    if (process < 0 || system_call6(SYS_wait4, process, (long)&status, 0, 0, 0, 0) != process || status != 0)
        fail("start a process and wait for it");
}

static void fork_and_exit(uint64_t count)
{
    while (count-- > 0) {
        long child = fork_process();
        if (child == 0)
            exit_process(0);
        wait_for(child);
    }
}

static void spawn_self(uint64_t count)
{
    char *const arguments[] = {own_path, "exit", NULL};
    char *const environment[] = {NULL};
    while (count-- > 0)
        wait_for(spawn_process(own_path, arguments, environment));
}

/* Touches `count` pages for the first time, in one mapping. */
static void touch_pages(uint64_t count)
{
    const size_t page = 4096;
    long area = system_call6(SYS_mmap, 0, (long)(count * page), PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    if (area < 0)
        fail("map memory");
    /* Makes each page fault, not only each 512th. A kernel without huge pages refuses, which has the same effect. */
    system_call3(SYS_madvise, area, (long)(count * page), MADV_NOHUGEPAGE);
    for (uint64_t i = 0; i < count; i++)
        *(volatile char *)(area + (long)(i * page)) = 1;
    if (system_call3(SYS_munmap, area, (long)(count * page), 0) != 0)
        fail("unmap memory");
}

static void pass_byte(int from, int to)
{
    char byte = 0;
    if (system_call3(SYS_read, from, (long)&byte, 1) != 1 || system_call3(SYS_write, to, (long)&byte, 1) != 1)
        fail("pass a byte through a pipe");
}

/* Sends a byte to another process and back, by two pipes. */
static void play_ping_pong(uint64_t count)
{
    int there[2], back[2];
    if (system_call3(SYS_pipe2, (long)there, 0, 0) != 0 || system_call3(SYS_pipe2, (long)back, 0, 0) != 0)
        fail("make a pipe");
    long child = fork_process();
    if (child == 0) {
        for (uint64_t i = 0; i < count; i++)
            pass_byte(there[0], back[1]);
        exit_process(0);
    }
    char byte = 0;
    if (system_call3(SYS_write, there[1], (long)&byte, 1) != 1)
        fail("write to a pipe");
    for (uint64_t i = 1; i < count; i++)
        pass_byte(back[0], there[1]);
    if (system_call3(SYS_read, back[0], (long)&byte, 1) != 1)
        fail("read from a pipe");
    wait_for(child);
    for (int end = 0; end < 2; end++) {
        system_call3(SYS_close, there[end], 0, 0);
        system_call3(SYS_close, back[end], 0, 0);
    }
}

struct row {
    const char *name;
    void (*run)(uint64_t count);
    uint64_t count;
};

static const struct row rows[] = {
    {"loop", run_loop, 1000000},
    {"getppid", call_getppid, 100000},
    {"fork-exit-wait", fork_and_exit, 500},
    {"vfork-exec-wait", spawn_self, 250},
    {"page-touch", touch_pages, 16384},
    {"pipe-round-trip", play_ping_pong, 8000},
};

/* Runs a row and prints it. Returns its cost in tenths of an instruction. */
static uint64_t measure(const struct row *row)
{
    const uint64_t tenths_per_tick = 10000000000 / counter_frequency();
    row->run(row->count / 64 + 1);
    uint64_t start = read_counter();
    row->run(row->count);
    uint64_t tenths = (read_counter() - start) * tenths_per_tick;
    write_text("workload: ");
    write_text(row->name);
    write_text(" ");
    write_tenths(tenths / row->count);
    write_text("\n");
    return tenths;
}

static void run_set(void)
{
    uint64_t total = 0;
    for (size_t i = 0; i < LENGTH(rows); i++)
        total += measure(&rows[i]);
    write_text("workload: total ");
    write_tenths(total);
    write_text("\n");
}

static int is_same(const char *left, const char *right)
{
    while (*left != 0 && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

/* Runs as process 1, which the kernel starts when it has booted. Prints the time since the machine's reset, performs
   the work that the argument names ("set", "calls" or nothing), and turns the machine off. */
__attribute__((noreturn)) static void run_as_init(const char *argument, uint64_t arrival)
{
    write_text("workload: boot ");
    write_tenths(arrival * (10000000000 / counter_frequency()));
    write_text("\n");
    if (is_same(argument, "set"))
        run_set();
    if (is_same(argument, "calls"))
        call_getppid(1000000);
    power_off();
}

__attribute__((used, noreturn)) static void run_workload(long *stack)
{
    uint64_t arrival = read_counter();
    long argument_count = stack[0];
    own_path = (char *)stack[1];
    const char *argument = argument_count > 1 ? (const char *)stack[2] : "";
    /* This process was started by spawn_self. */
    if (is_same(argument, "exit"))
        exit_process(0);
    if (system_call3(SYS_getpid, 0, 0, 0) == 1)
        run_as_init(argument, arrival);
    /* Uses one processor, because the figures are compared with those of machines that have one. */
    uint64_t first_processor = 1;
    system_call3(SYS_sched_setaffinity, 0, sizeof first_processor, (long)&first_processor);
    run_set();
    exit_process(0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      run_workload\n");
