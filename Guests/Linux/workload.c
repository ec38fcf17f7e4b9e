/* Counts the instructions of everyday work of an operating system: a loop, system calls, processes, memory, pipes.
   Prints `workload: NAME VALUE`, instructions for one operation by the virtual counter, which under the emulator's
   `-icount shift=0` counts 1 ns for an instruction; last `workload: total VALUE`, all of the measured instructions.

   As process 1 it takes one of these arguments:
     set            the work above
     calls          a million system calls, without a figure
     crew N PHASE   each task of `crew_tasks`, divided among N processors, between marks for the emulator's plugin
                    (Benchmarks/Instructions). Prints `task: NAME count COUNT ticks TICKS` after each, and `task: end`.
                    Runs with different phases have the interrupts of the timer at different places of the work.
     disk 1 PHASE   the same for the tasks of `disk_tasks`
     beat SECONDS   a sleep of 5 ms after the other. Prints `beat: begins`, and at the end `beat: longest US`, the longest
                    time from one wake-up to the next.
     rest           nothing, until somebody turns the machine off
   Otherwise it turns the machine off at once. */
#include "crew.h"
#include "files.h"
#include "linux.h"
#include "output.h"
#include "work.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

char *program_path;

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

/* The counts are those of all processors together, so that the work is the same on any number of them. */
static const struct row crew_tasks[] = {
    {"loop", run_loop, 400000},
    {"getppid", call_getppid, 100000},
    {"fork-exit-wait", fork_and_exit, 400},
    {"vfork-exec-wait", spawn_self, 200},
    {"page-touch", touch_pages, 16384},
    {"page-copy", copy_pages, 32768},
    {"page-walk", walk_pages, 4000000},
    {"pipe-round-trip", play_ping_pong, 8000},
    {"file-create", create_files, 4000},
    {"file-write", write_file, 16384},
    {"file-read", read_file, 16384},
};

static const struct row disk_tasks[] = {
    {"disk-read", read_disk, 2000},
    {"disk-write", write_disk, 2000},
    {"disk-sync", sync_disk, 500},
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

/* Delays each task, by about 0.8 ms for each step. */
static uint64_t phase;

static void run_task(const struct row *task, int processors)
{
    run_loop(phase * 7919 + 1);
    uint64_t ticks = measure_crew(task->run, task->count, processors);
    const struct pair figures[] = {{" count ", task->count}, {" ticks ", ticks}, {NULL, 0}};
    write_text("task: ");
    write_pairs(task->name, figures);
}

static void run_crew_tasks(int processors)
{
    static const struct row across = {"pipe-across", play_across_processors, 4000};
    prepare_files();
    /* The system that has started this machine may still be busy with that. */
    pause_for(3000);
    for (size_t i = 0; i < LENGTH(crew_tasks); i++)
        run_task(&crew_tasks[i], processors);
    /* The other process of this task is on the second processor, and the crew is a single process. */
    if (processors > 1)
        run_task(&across, 1);
    write_text("task: end\n");
}

static void run_disk_tasks(void)
{
    prepare_disk();
    /* A disk that never was written to may answer without storage. */
    write_disk(2048);
    for (size_t i = 0; i < LENGTH(disk_tasks); i++)
        run_task(&disk_tasks[i], 1);
    write_text("task: end\n");
}

static void beat(uint64_t seconds)
{
    const uint64_t frequency = counter_frequency();
    write_text("beat: begins\n");
    const uint64_t start = read_counter();
    uint64_t longest = 0;
    for (uint64_t last = start; last - start < seconds * frequency;) {
        pause_for(5);
        uint64_t now = read_counter();
        if (now - last > longest)
            longest = now - last;
        last = now;
    }
    const struct pair figures[] = {{"longest ", longest * 1000 / (frequency / 1000)}, {NULL, 0}};
    write_pairs("beat: ", figures);
}

static void rest(void)
{
    for (;;)
        pause_for(3600000);
}

static int is_same(const char *left, const char *right)
{
    while (*left != 0 && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

/* Waits until Linux has random numbers. Before that, each system call costs more, because Linux then makes the random
   place of its stack in a slower way. Most machines get a seed with their device tree, and do not wait. */
static void await_random_numbers(void)
{
    enum { SYS_getrandom = 278 };
    uint64_t number;
    if (system_call3((enum system_call)SYS_getrandom, (long)&number, sizeof number, 0) != sizeof number)
        fail("get a random number");
}

/* Runs as process 1, which the kernel starts when it has booted. Prints the time since the machine's reset, performs
   the work that the argument names, and turns the machine off. `numbers` are the arguments behind it. */
__attribute__((noreturn)) static void run_as_init(const char *argument, const uint64_t numbers[2], uint64_t arrival)
{
    phase = numbers[1];
    write_text("workload: boot ");
    write_tenths(arrival * (10000000000 / counter_frequency()));
    write_text("\n");
    await_random_numbers();
    if (is_same(argument, "set"))
        run_set();
    if (is_same(argument, "calls"))
        call_getppid(1000000);
    if (is_same(argument, "crew"))
        run_crew_tasks((int)numbers[0]);
    if (is_same(argument, "disk"))
        run_disk_tasks();
    if (is_same(argument, "beat"))
        beat(numbers[0]);
    if (is_same(argument, "rest"))
        rest();
    power_off();
}

__attribute__((used, noreturn)) static void run_workload(long *stack)
{
    uint64_t arrival = read_counter();
    long argument_count = stack[0];
    program_path = (char *)stack[1];
    const char *argument = argument_count > 1 ? (const char *)stack[2] : "";
    /* This process was started by spawn_self. */
    if (is_same(argument, "exit"))
        exit_process(0);
    if (system_call3(SYS_getpid, 0, 0, 0) == 1) {
        uint64_t numbers[2] = {0};
        for (int i = 0; i < 2 && i + 2 < argument_count; i++)
            numbers[i] = parse_number((const char *)stack[3 + i]);
        run_as_init(argument, numbers, arrival);
    }
    /* Uses one processor, because the figures are compared with those of machines that have one. */
    bind_to_processor(0);
    run_set();
    exit_process(0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      run_workload\n");
