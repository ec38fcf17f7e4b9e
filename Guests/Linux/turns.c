/* Does a little work in each period, and measures the longest time between two turns. Faults of the board's parts come
   in slots of the board's time, so it reports that time for each slot. Benchmarks/Programs/Turns does the same in a
   component.

   One process only wakes up (cpu), one prints a line in each turn (console), and one writes and reads a block of a disk
   (disk). The machine's counter is that of the board.

   Arguments: PERIOD START LENGTH COUNT [DEVICE]: the period, the start of the first slot and the length of a slot in
   microseconds, and the number of slots.
   Prints `turns: WHO born TIME` at its start, `turns: WHO slot SLOT gap LONGEST turns TURNS lost FAILURES` after each
   slot, and `turns: WHO end`. */
#include "linux.h"
#include "output.h"

enum { BLOCK_SIZE = 4096 };
enum work { WORK_CPU, WORK_CONSOLE, WORK_DISK };

static const char *const born[] = {"turns: cpu born ", "turns: console born ", "turns: disk born "};
static const char *const slot_names[] = {"turns: cpu slot ", "turns: console slot ", "turns: disk slot "};
static const char *const ends[] = {"turns: cpu end\n", "turns: console end\n", "turns: disk end\n"};

static uint64_t block[BLOCK_SIZE / 8] __attribute__((aligned(BLOCK_SIZE)));

static uint64_t parse_number(const char *digits)
{
    uint64_t number = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++)
        number = number * 10 + (uint64_t)(*digits - '0');
    return number;
}

static uint64_t now(void)
{
    return read_counter() * 1000 / (counter_frequency() / 1000);
}

/* Writes a block, and reads it again. Returns the number of requests that failed or lost their data. */
static uint64_t use_disk(long file, uint64_t turn)
{
    long offset = (long)(turn % 64 * BLOCK_SIZE);
    block[0] = block[BLOCK_SIZE / 8 - 1] = turn;
    if (system_call6(SYS_pwrite64, file, (long)block, BLOCK_SIZE, offset, 0, 0) != BLOCK_SIZE)
        return 1;
    block[0] = block[BLOCK_SIZE / 8 - 1] = 0;
    if (system_call6(SYS_pread64, file, (long)block, BLOCK_SIZE, offset, 0, 0) != BLOCK_SIZE)
        return 1;
    return block[0] != turn || block[BLOCK_SIZE / 8 - 1] != turn;
}

struct slots {
    uint64_t period, start, length, count;
};

__attribute__((noreturn)) static void work(enum work work, const struct slots *slots, long file)
{
    uint64_t last = 0, longest = 0, turns = 0, lost = 0, present = UINT64_MAX, turn = 0;
    write_pairs(born[work], (const struct pair[]){{"", now()}, {NULL, 0}});
    for (;;) {
        turn++;
        if (work == WORK_DISK)
            lost += use_disk(file, turn);
        if (work == WORK_CONSOLE)
            write_text("beat\n");
        uint64_t time = now();
        if (last != 0 && time - last > longest)
            longest = time - last;
        last = time;
        if (time < slots->start || (present == UINT64_MAX))
            longest = 0;
        if (time >= slots->start) {
            uint64_t slot = (time - slots->start) / slots->length;
            if (present != UINT64_MAX && slot != present) {
                write_pairs(
                    slot_names[work], (const struct pair[]){{"", present}, {" gap ", longest}, {" turns ", turns},
                                                            {" lost ", lost}, {NULL, 0}});
                longest = turns = lost = 0;
            }
            present = slot;
            turns++;
            if (slot >= slots->count) {
                write_text(ends[work]);
                for (;;)
                    system_call3(SYS_nanosleep, (long)(const int64_t[]){1000, 0}, 0, 0);
            }
        }
        system_call3(SYS_nanosleep, (long)(const int64_t[]){0, (int64_t)slots->period * 1000}, 0, 0);
    }
}

__attribute__((used, noreturn)) static void start(const uint64_t *stack)
{
    char *const *arguments = (char *const *)(stack + 1);
    if (stack[0] < 5)
        fail("find the arguments");
    const struct slots slots = {
        parse_number(arguments[1]), parse_number(arguments[2]), parse_number(arguments[3]), parse_number(arguments[4])};
    if (stack[0] > 5) {
        long file = system_call6(SYS_openat, AT_FDCWD, (long)arguments[5], O_RDWR | O_DIRECT, 0, 0, 0);
        if (file < 0)
            fail("open the disk");
        if (fork_process() == 0)
            work(WORK_DISK, &slots, file);
    }
    if (fork_process() == 0)
        work(WORK_CONSOLE, &slots, 0);
    work(WORK_CPU, &slots, 0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      start\n");
