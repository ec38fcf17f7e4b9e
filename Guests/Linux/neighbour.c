/* Two machines that share a core. As process 1 of its machine, the program takes one of these arguments:
     victim ROUNDS   waits until the other machine must have started, then runs ROUNDS pieces of ten million
                     instructions each. Prints `neighbour: median NS mean NS longest NS`, the virtual times of a piece, and
                     turns the machine off.
     spin            computes for ever
     timers          eight processes that sleep for a microsecond, over and over
     forks           forks processes that end at once, over and over
     pages           takes 16 MiB of memory and gives it back, over and over
     console         writes to its console without pause
   A piece of the victim takes 10 ms without a neighbour. The attack begins a second before the victim's first piece,
   so that a run is short although some attacks keep the emulator busy. */
#include "linux.h"
#include "output.h"
#include "work.h"

char *program_path;

static int equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static void sleep_for(long seconds, long nanoseconds)
{
    long time[2] = {seconds, nanoseconds};
    system_call3(SYS_nanosleep, (long)time, 0, 0);
}

enum { most_rounds = 1000, turns_of_a_piece = 100000, start_seconds = 4 };
static uint64_t times[most_rounds];

static void sort(uint64_t *values, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++)
        for (uint64_t j = i; j > 0 && values[j - 1] > values[j]; j--) {
            uint64_t value = values[j];
            values[j] = values[j - 1];
            values[j - 1] = value;
        }
}

static void be_victim(uint64_t rounds)
{
    if (rounds == 0 || rounds > most_rounds)
        rounds = most_rounds;
    sleep_for(start_seconds, 0);
    uint64_t frequency = counter_frequency();
    uint64_t begin = read_counter(), last = begin;
    for (uint64_t round = 0; round < rounds; round++) {
        run_loop(turns_of_a_piece);
        uint64_t now = read_counter();
        times[round] = (now - last) * 1000 / (frequency / 1000000);
        last = now;
    }
    uint64_t mean = (last - begin) * 1000 / (frequency / 1000000) / rounds;
    sort(times, rounds);
    struct pair pairs[] = {{"median ", times[rounds / 2]}, {" mean ", mean}, {" longest ", times[rounds - 1]}, {0, 0}};
    write_pairs("neighbour: ", pairs);
    power_off();
}

static void sleep_over_and_over(void)
{
    for (int process = 0; process < 7; process++)
        if (fork_process() == 0)
            break;
    for (;;)
        sleep_for(0, 1000);
}

__attribute__((used, noreturn)) static void start(const uint64_t *stack)
{
    char *const *arguments = (char *const *)(stack + 1);
    const char *task = stack[0] > 1 ? arguments[1] : "";
    program_path = arguments[0];
    write_text("neighbour: begin\n");
    if (equal(task, "victim"))
        be_victim(stack[0] > 2 ? number(arguments[2]) : 100);
    sleep_for(start_seconds - 1, 0);
    if (equal(task, "timers"))
        sleep_over_and_over();
    for (;;) {
        if (equal(task, "forks"))
            fork_and_exit(100);
        else if (equal(task, "pages"))
            touch_pages(4096);
        else if (equal(task, "console"))
            write_text("The quick brown fox jumps over the lazy dog. ");
        else
            run_loop(100000);
    }
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      start\n");
