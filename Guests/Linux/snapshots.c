/* Measures a disk around snapshots and a clone, which the host orders.

   Usage: snapshots DISK MIB COUNT CHAIN. It writes the first MIB MiB of the disk, and then counts by the plugin's marks:
   COUNT reads of 4 KiB; a snapshot; a clone; a durable write of 4 KiB, which is the first one behind both; the same write
   again; and COUNT reads at the same places behind CHAIN further snapshots, before each of which it writes 4 KiB. It
   prints `snapshots: order N` for each order, and waits for a line on its console until the order is done. */
#include "linux.h"
#include "marks.h"
#include "output.h"

enum { BLOCK_SIZE = 4096, PIECE = 1 << 20 };

static char buffer[PIECE] __attribute__((aligned(BLOCK_SIZE)));
static uint64_t seed, block_count, order;

static uint64_t parse_number(const char *digits)
{
    uint64_t number = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++)
        number = number * 10 + (uint64_t)(*digits - '0');
    return number;
}

static long next_offset(void)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (long)((seed >> 33) % block_count * BLOCK_SIZE);
}

static void fill(long file, uint64_t mebibytes)
{
    for (size_t i = 0; i < sizeof buffer; i++)
        buffer[i] = (char)(i * 7 + i / BLOCK_SIZE + 1);
    for (uint64_t piece = 0; piece < mebibytes; piece++)
        if (system_call6(SYS_pwrite64, file, (long)buffer, PIECE, (long)(piece * PIECE), 0, 0) != PIECE)
            fail("fill the disk");
}

/* Reads blocks at places that are the same each time. */
static void read_blocks(long file, uint64_t count)
{
    seed = 1;
    for (uint64_t i = 0; i < count; i++)
        if (system_call6(SYS_pread64, file, (long)buffer, BLOCK_SIZE, next_offset(), 0, 0) != BLOCK_SIZE)
            fail("read the disk");
}

/* Counts reads whose metadata an earlier round has read. */
static void count_reads(long file, uint64_t count)
{
    read_blocks(file, count);
    mark_begin();
    read_blocks(file, count);
    mark_end();
}

static void write_block(long file, long offset)
{
    if (system_call6(SYS_pwrite64, file, (long)buffer, BLOCK_SIZE, offset, 0, 0) != BLOCK_SIZE
        || system_call3(SYS_fsync, file, 0, 0) != 0)
        fail("write the disk");
}

/* Waits until the host has had its order performed. */
static void await_order(void)
{
    char byte = 0;
    write_pairs("snapshots: ", (const struct pair[]){{"order ", order++}, {NULL, 0}});
    while (byte != '\n')
        if (system_call3(SYS_read, 0, (long)&byte, 1) != 1)
            fail("read the console");
}

static void count_order(void)
{
    mark_begin();
    await_order();
    mark_end();
}

static void count_write(long file)
{
    mark_begin();
    write_block(file, 0);
    mark_end();
}

__attribute__((used, noreturn)) static void start(const uint64_t *stack)
{
    char *const *arguments = (char *const *)(stack + 1);
    if (stack[0] != 5)
        fail("find the arguments");
    long file = system_call6(SYS_openat, AT_FDCWD, (long)arguments[1], O_RDWR | O_DIRECT, 0, 0, 0);
    if (file < 0)
        fail("open the disk");
    uint64_t mebibytes = parse_number(arguments[2]), count = parse_number(arguments[3]);
    block_count = mebibytes * (PIECE / BLOCK_SIZE);
    fill(file, mebibytes);
    write_block(file, 0);
    count_reads(file, count);
    count_order();
    count_order();
    count_write(file);
    count_write(file);
    for (uint64_t i = parse_number(arguments[4]); i > 0; i--) {
        seed = i;
        write_block(file, next_offset());
        await_order();
    }
    count_reads(file, count);
    write_text("snapshots: end\n");
    exit_process(0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      start\n");
