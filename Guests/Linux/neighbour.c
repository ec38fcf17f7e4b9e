/* Two machines that share a core. The program takes one of these arguments, with which it is process 1 of its machine
   or the child of a shell:
     victim ROUNDS PHASE      waits until the other machine must have started, then runs ROUNDS pieces of ten million
                              instructions each. Prints `neighbour: median NS mean NS longest NS`, the virtual times of
                              a piece, and turns the machine off.
     reader ROUNDS PHASE [DEVICE]
                              does the same with pieces of a hundred reads of 4 KiB, one after the other, past Linux's
                              cache, at random places of 8 MiB that it has written at its start
     spin                     computes for ever
     timers                   eight processes that sleep for a microsecond, over and over
     forks                    forks processes that end at once, over and over
     pages                    takes 16 MiB of memory and gives it back, over and over
     console                  writes lines to its console without pause
     disk [DEVICE]            eight processes that read and write blocks of 4 KiB and of 256 KiB at random places of
                              such 8 MiB, without pause
   Without a DEVICE the program loads the drivers of the disk /dev/vda itself. A piece of the victim takes 10 ms without
   a neighbour. The attack begins a second before the victim's first piece, so that a run is short although some attacks
   keep the emulator busy. PHASE delays the first piece by so many steps of 3.7 ms, so that it meets the schedulers'
   slices at another place. */
#include "linux.h"
#include "output.h"
#include "work.h"

char *program_path;

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

enum { most_rounds = 1000, turns_of_a_piece = 100000, start_seconds = 4, phase_nanoseconds = 3700000 };
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

static void compute(void)
{
    run_loop(turns_of_a_piece);
}

enum { block_size = 4096, large_size = 64 * block_size, area_size = 8 << 20, reads_of_a_piece = 100 };
static char buffer[large_size] __attribute__((aligned(block_size)));
static uint64_t seed = 1;

static long open_disk(const char *device)
{
    if (!device)
        prepare_disk();
    long file = system_call6(
        SYS_openat, AT_FDCWD, (long)(device ? device : "/dev/vda"), O_RDWR | O_DIRECT, 0, 0, 0);
    if (file < 0)
        fail("open the disk");
    return file;
}

static void move_block(enum system_call call, long file, long size, uint64_t place)
{
    if (system_call6(call, file, (long)buffer, size, (long)place, 0, 0) != size)
        fail("read or write the disk");
}

/* Moves a block at a random place, by a linear congruential generator. */
static void move_some_block(enum system_call call, long file, long size)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    move_block(call, file, size, (seed >> 33) % (area_size / (uint64_t)size) * (uint64_t)size);
}

static long disk_of_reader;

static void read_blocks(void)
{
    for (int i = 0; i < reads_of_a_piece; i++)
        move_some_block(SYS_pread64, disk_of_reader, block_size);
}

static void measure(uint64_t rounds, uint64_t phase, void (*run_piece)(void))
{
    if (rounds == 0 || rounds > most_rounds)
        rounds = most_rounds;
    sleep_for(start_seconds, (long)(phase * phase_nanoseconds));
    uint64_t frequency = counter_frequency();
    uint64_t begin = read_counter(), last = begin;
    for (uint64_t round = 0; round < rounds; round++) {
        run_piece();
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

/* A disk of a pool gets its space when blocks are written, so the reads follow writes of all blocks. */
static void be_reader(uint64_t rounds, uint64_t phase, const char *device)
{
    disk_of_reader = open_disk(device);
    for (uint64_t place = 0; place < area_size; place += large_size)
        move_block(SYS_pwrite64, disk_of_reader, large_size, place);
    measure(rounds, phase, read_blocks);
}

/* Each process reads or writes, small blocks or large ones. */
static void move_blocks_over_and_over(long file)
{
    uint64_t process = 0;
    while (process < 7 && fork_process() != 0)
        process++;
    seed += process;
    for (;;)
        move_some_block(process & 1 ? SYS_pwrite64 : SYS_pread64, file, process & 2 ? large_size : block_size);
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
    uint64_t rounds = stack[0] > 2 ? number(arguments[2]) : 100;
    uint64_t phase = stack[0] > 3 ? number(arguments[3]) : 0;
    if (is_equal(task, "victim"))
        measure(rounds, phase, compute);
    if (is_equal(task, "reader"))
        be_reader(rounds, phase, stack[0] > 4 ? arguments[4] : NULL);
    long disk = is_equal(task, "disk") ? open_disk(stack[0] > 2 ? arguments[2] : NULL) : -1;
    sleep_for(start_seconds - 1, 0);
    if (disk >= 0)
        move_blocks_over_and_over(disk);
    if (is_equal(task, "timers"))
        sleep_over_and_over();
    for (;;) {
        if (is_equal(task, "forks"))
            fork_and_exit(100);
        else if (is_equal(task, "pages"))
            touch_pages(4096);
        else if (is_equal(task, "console"))
            write_text("The quick brown fox jumps over the lazy dog.\n");
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
