/* Measures the wake-up latency of Linux' own real-time scheduling under full load. A SCHED_FIFO thread of the highest
   priority, with its memory locked, sleeps until each multiple of a period and a half. Prints the same lines as
   Components/Control.

   Arguments: the period in microseconds, the number of periods, and a word:
     load-stay    beside a load; this process 1 stays, for other measurements
     load-off     beside a load; turns the machine off behind it
     alone        without a load; ends
     alone-off    without a load; turns the machine off behind it
   The single argument `load` starts the load alone. */
#include "histogram.h"
#include "linux.h"
#include "load.h"
#include "output.h"

static struct histogram latencies;

static uint64_t parse_number(const char *text)
{
    uint64_t number = 0;
    while (*text >= '0' && *text <= '9')
        number = number * 10 + (uint64_t)(*text++ - '0');
    return number;
}

static uint64_t counter_in_nanoseconds(void)
{
    uint64_t count = read_counter(), frequency = counter_frequency();
    return count / frequency * 1000000000 + count % frequency * 1000000000 / frequency;
}

static uint64_t monotonic_time(void)
{
    uint64_t time[2];
    system_call3(SYS_clock_gettime, CLOCK_MONOTONIC, (long)time, 0);
    return time[0] * 1000000000 + time[1];
}

/* Returns the difference of the counter and CLOCK_MONOTONIC. It is at most the length of a system call too large, so
   that latencies come out a few hundred nanoseconds too short rather than too long. */
static uint64_t clock_offset(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t time = monotonic_time();
        uint64_t offset = counter_in_nanoseconds() - time;
        if (offset < least)
            least = offset;
    }
    return least;
}

static void become_urgent(void)
{
    int priority = 99;
    if (system_call3(SYS_sched_setscheduler, 0, SCHED_FIFO, (long)&priority) != 0)
        fail("become a real-time thread");
    if (system_call3(SYS_mlockall, MCL_CURRENT | MCL_FUTURE, 0, 0) != 0)
        fail("lock memory");
}

/* Returns the number of periods that were over before their wake-up. */
static uint64_t measure(uint64_t period, uint64_t count)
{
    uint64_t offset = clock_offset(), missed = 0;
    /* Half a period away from the component beside this machine, so that neither wakes while the other works. */
    uint64_t deadline = (counter_in_nanoseconds() / period + 2) * period + period / 2;
    while (latencies.count < count) {
        uint64_t wake = deadline - offset;
        uint64_t time[2] = {wake / 1000000000, wake % 1000000000};
        system_call6(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)time, 0, 0, 0);
        uint64_t latency = counter_in_nanoseconds() - deadline;
        add_value(&latencies, latency);
        missed += latency / period;
        deadline += (latency / period + 1) * period;
    }
    return missed;
}

static void report(uint64_t missed)
{
    for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket++)
        if (latencies.counts[bucket] != 0)
            write_pairs(
                "realtime:", (struct pair[]){{" bucket ", bucket_start(bucket)}, {" count ", latencies.counts[bucket]}, {0}});
    write_pairs(
        "realtime:", (struct pair[]){{" periods ", latencies.count},
                                     {" missed ", missed},
                                     {" min ", latencies.least},
                                     {" mean ", latencies.sum / latencies.count},
                                     {" max ", latencies.greatest},
                                     {0}});
    write_pairs(
        "realtime:", (struct pair[]){{" p50 ", percentile(&latencies, 500000)},
                                     {" p99 ", percentile(&latencies, 990000)},
                                     {" p99.9 ", percentile(&latencies, 999000)},
                                     {0}});
    write_text("realtime: end\n");
}

__attribute__((used, noreturn)) static void run_realtime(long *stack)
{
    long argument_count = stack[0];
    char **arguments = (char **)(stack + 1);
    int is_load = argument_count == 2 && is_equal(arguments[1], "load");
    /* This is a process of the load. */
    if (argument_count != 4 && !is_load)
        exit_process(0);
    write_text("realtime: begins\n");
    if (is_load || arguments[3][0] == 'l')
        start_load(arguments[0]);
    if (!is_load) {
        become_urgent();
        report(measure(parse_number(arguments[1]) * 1000, parse_number(arguments[2])));
        if (is_equal(arguments[3], "alone"))
            exit_process(0);
        if (!is_equal(arguments[3], "load-stay"))
            power_off();
    }
    /* The load continues; the end of process 1 would be a panic. */
    for (;;)
        system_call6(SYS_wait4, -1, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      run_realtime\n");
