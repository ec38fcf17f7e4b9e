/* The pieces of everyday work of an operating system that `workload.c` measures. */
#include "work.h"
#include "linux.h"
#include "output.h"

void bind_to_processor(int processor)
{
    uint64_t mask = 1ul << processor;
    if (system_call3(SYS_sched_setaffinity, 0, sizeof mask, (long)&mask) < 0)
        fail("run on one processor");
}

/* Executes `count` turns of 100 instructions. */
void run_loop(uint64_t count)
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

void call_getppid(uint64_t count)
{
    while (count-- > 0)
        system_call3(SYS_getppid, 0, 0, 0);
}

void wait_for(long process)
{
    int status = -1;
    if (process < 0 || system_call6(SYS_wait4, process, (long)&status, 0, 0, 0, 0) != process || status != 0)
        fail("start a process and wait for it");
}

void fork_and_exit(uint64_t count)
{
    while (count-- > 0) {
        long child = fork_process();
        if (child == 0)
            exit_process(0);
        wait_for(child);
    }
}

void spawn_self(uint64_t count)
{
    char *const arguments[] = {program_path, "exit", NULL};
    char *const environment[] = {NULL};
    while (count-- > 0)
        wait_for(spawn_process(program_path, arguments, environment));
}

/* Touches `count` pages for the first time, in one mapping. */
void touch_pages(uint64_t count)
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

/* Sends a byte to another process and back, by two pipes. If `processor` is not negative, the other process runs there. */
static void play_with(uint64_t count, int processor)
{
    int there[2], back[2];
    if (system_call3(SYS_pipe2, (long)there, 0, 0) != 0 || system_call3(SYS_pipe2, (long)back, 0, 0) != 0)
        fail("make a pipe");
    long child = fork_process();
    if (child == 0) {
        if (processor >= 0)
            bind_to_processor(processor);
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

void play_ping_pong(uint64_t count)
{
    play_with(count, -1);
}

void play_across_processors(uint64_t count)
{
    play_with(count, 1);
}
