/* A full load: the machine never idles, and all kinds of work of an operating system happen at the same time. */
#include "load.h"
#include "linux.h"
#include "output.h"

static char *own_path;

static void sleep_for(long nanoseconds)
{
    long time[2] = {0, nanoseconds};
    system_call3(SYS_nanosleep, (long)time, 0, 0);
}

static void compute(uint64_t number)
{
    for (;;)
        __asm__ volatile("mul %0, %0, %0\n\tadd %0, %0, #1" : "+r"(number));
}

/* Touches pages for the first time, which the kernel zeroes, and returns them. */
static void use_memory(uint64_t number)
{
    const long size = 4 << 20;
    for (;; number++) {
        long area = system_call6(SYS_mmap, 0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
        if (area < 0)
            fail("map memory");
        for (long offset = 0; offset < size; offset += 4096)
            *(volatile char *)(area + offset) = (char)number;
        system_call3(SYS_munmap, area, size, 0);
    }
}

static void wait_for(long process)
{
    if (process > 0)
        system_call6(SYS_wait4, process, 0, 0, 0, 0, 0);
}

static void fork_and_execute(uint64_t number)
{
    (void)number;
    char *const arguments[] = {own_path, "exit", NULL};
    char *const environment[] = {NULL};
    for (;;) {
        long child = fork_process();
        if (child == 0)
            exit_process(0);
        wait_for(child);
        wait_for(spawn_process(own_path, arguments, environment));
    }
}

static void play_ping_pong(uint64_t number)
{
    (void)number;
    int there[2], back[2];
    if (system_call3(SYS_pipe2, (long)there, 0, 0) != 0 || system_call3(SYS_pipe2, (long)back, 0, 0) != 0)
        fail("make a pipe");
    int isChild = fork_process() == 0;
    char byte = 0;
    if (isChild)
        system_call3(SYS_write, back[1], (long)&byte, 1);
    for (;;) {
        system_call3(SYS_read, isChild ? there[0] : back[0], (long)&byte, 1);
        system_call3(SYS_write, isChild ? back[1] : there[1], (long)&byte, 1);
    }
}

/* Causes a timer interrupt every 0.3 to 1.3 ms. */
static void take_naps(uint64_t number)
{
    system_call3(SYS_prctl, PR_SET_TIMERSLACK, 1, 0);
    for (uint64_t random = number;;) {
        random = random * 6364136223846793005 + 1442695040888963407;
        sleep_for(300000 + (long)(random >> 44));
    }
}

static void write_lines(uint64_t number)
{
    (void)number;
    for (;;) {
        write_text("load: a line for the console, so that the serial port interrupts\n");
        sleep_for(10000000);
    }
}

static const struct {
    void (*run)(uint64_t number);
    uint64_t count;
} kinds[] = {
    {compute, 2}, {use_memory, 1}, {fork_and_execute, 2}, {play_ping_pong, 1}, {take_naps, 12}, {write_lines, 1},
};

void start_load(char *path)
{
    own_path = path;
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++)
        for (uint64_t number = 0; number < kinds[kind].count; number++)
            if (fork_process() == 0)
                kinds[kind].run(number);
}
