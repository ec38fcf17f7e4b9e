/* Finds out how long a machine stands still. It performs one small step after the other for a given time, and
   prints `pace: begins`, and at last `pace: STEP COUNT LONGEST`: the number of steps, and the longest time in
   microseconds between the ends of two of them, or from the last one to the end.

   Arguments: STEP MILLISECONDS [PROGRAM ARGUMENT…], where a step is
     sleep   a sleep of 10 milliseconds
     disk    a read of 4 KiB of /dev/xvda past Linux's cache, and such a sleep
     print   a line on the console, and such a sleep
     run     the program that the further arguments name, and a sleep of 100 milliseconds, because programs take time;
             if the program fails, it is no step
     hang    nothing, in a loop that no other process of the machine interrupts (for the harm itself) */
#include "linux.h"
#include "output.h"

static char buffer[4096] __attribute__((aligned(4096)));
static long disk = -1;

/* The program for `run` with its arguments. */
static char *const *program;
/* The time at which the steps end, by the counter. */
static uint64_t end;

/* Each step returns whether it has succeeded. */
static int do_nothing(void)
{
    return 1;
}

static void sleep_for(uint64_t milliseconds)
{
    const uint64_t pause[2] = {0, milliseconds * 1000000};
    system_call3(SYS_nanosleep, (long)pause, 0, 0);
}

static int sleep_briefly(void)
{
    sleep_for(10);
    return 1;
}

static int run_program(void)
{
    int status = 0;
    long child = system_call6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (child < 0)
        fail("start a process");
    if (child == 0) {
        static char *const environment[] = {NULL};
        system_call3(SYS_execve, (long)program[0], (long)program, (long)environment);
        exit_process(127);
    }
    /* A program may wait for ever, and then nothing ends it. */
    while (system_call6(SYS_wait4, child, (long)&status, WNOHANG, 0, 0, 0) == 0) {
        if (read_counter() >= end)
            return 0;
        sleep_for(1);
    }
    sleep_for(100);
    return status == 0;
}

static int read_block(void)
{
    static uint64_t place;
    place = (place + 61 * sizeof buffer) % (1 << 20);
    if (system_call6(SYS_pread64, disk, (long)buffer, sizeof buffer, (long)place, 0, 0) != sizeof buffer)
        fail("read the disk");
    return sleep_briefly();
}

static int print_line(void)
{
    write_text("pace: a line of sixty characters, so that the buffer fills\n");
    return sleep_briefly();
}

static const struct step {
    const char *name;
    int (*run)(void);
} steps[] = {
    {"sleep", sleep_briefly}, {"disk", read_block}, {"print", print_line}, {"run", run_program}, {"hang", do_nothing},
};

/* Takes the processor from all other processes. The caller has lifted Linux's limit for such processes. */
static void become_urgent(void)
{
    int priority = 99;
    if (system_call3(SYS_sched_setscheduler, 0, SCHED_FIFO, (long)&priority) != 0)
        fail("become a real-time process");
}

static void run(const struct step *step, uint64_t milliseconds)
{
    uint64_t frequency = counter_frequency(), count = 0, longest = 0;
    uint64_t last = read_counter(), now = last;
    end = last + milliseconds * frequency / 1000;
    while (now < end) {
        int has_succeeded = step->run();
        now = read_counter();
        if (now - last > longest)
            longest = now - last;
        if (!has_succeeded)
            continue;
        last = now;
        count++;
    }
    write_text("pace: ");
    write_text(step->name);
    write_pairs(" ", (const struct pair[]){{"", count}, {" ", longest * 1000000 / frequency}, {NULL, 0}});
}

__attribute__((used, noreturn)) static void start(const uint64_t *stack)
{
    char *const *arguments = (char *const *)(stack + 1);
    if (stack[0] < 3)
        fail("find the arguments");
    program = arguments + 3;
    uint64_t milliseconds = 0;
    for (const char *digit = arguments[2]; *digit >= '0' && *digit <= '9'; digit++)
        milliseconds = milliseconds * 10 + (uint64_t)(*digit - '0');
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (arguments[1][0] != steps[i].name[0] || arguments[1][1] != steps[i].name[1])
            continue;
        if (steps[i].run == read_block)
            disk = system_call6(SYS_openat, AT_FDCWD, (long)"/dev/xvda", O_RDWR | O_DIRECT, 0, 0, 0);
        if (steps[i].run == run_program && stack[0] == 3)
            fail("find the program");
        if (steps[i].name[0] == 'h')
            become_urgent();
        write_text("pace: begins\n");
        run(&steps[i], milliseconds);
        exit_process(0);
    }
    fail("understand the step");
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      start\n");
