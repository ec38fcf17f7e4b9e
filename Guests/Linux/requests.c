/* Sends requests to a disk, past Linux's cache, and tells the emulator's plugin (Benchmarks/Requests) when the
   requests to be counted begin and end. Before that it writes the part of the disk that it uses once.

   Arguments: DEVICE COUNT TASK…, where a task is read, write or sync, with the number of requests under way behind it:
   read1, write32, sync1. `sync` writes and waits for fsync each time. A request has 4 KiB, or as many blocks of 4 KiB as
   an x and a number behind the task say: read1x256. Of these, an eighth of COUNT is sent, one at a time. The places are
   random, but the same at each run.
   Prints `requests: TASK COUNT` after each task, and `requests: end`. */
#include "linux.h"
#include "marks.h"
#include "output.h"

enum { BLOCK_SIZE = 4096, MAXIMUM_DEPTH = 32, WARM_UP = 256, BLOCKS = 2048, MAXIMUM_BLOCKS = 256 };
enum kind { KIND_READ, KIND_WRITE, KIND_SYNC };

/* A request of Linux's asynchronous I/O (struct iocb), and its answer (struct io_event). */
struct control_block {
    uint64_t data;
    uint32_t key, flags;
    uint16_t operation;
    int16_t priority;
    uint32_t file;
    uint64_t buffer, size, offset, reserved;
    uint32_t more_flags, event_file;
};
struct event {
    uint64_t data, object;
    int64_t result, second_result;
};
enum { IOCB_CMD_PREAD = 0, IOCB_CMD_PWRITE = 1 };

static char buffers[MAXIMUM_BLOCKS][BLOCK_SIZE] __attribute__((aligned(BLOCK_SIZE)));
static uint64_t seed = 1;

/* Returns the number at `*digits`, and moves the pointer behind it. */
static long parse_number(const char **digits)
{
    long number = 0;
    for (; **digits >= '0' && **digits <= '9'; ++*digits)
        number = number * 10 + (**digits - '0');
    return number;
}

/* Returns the offset of the next request of this size in bytes, by a linear congruential generator. */
static uint64_t next_offset(uint64_t size)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (seed >> 33) % (BLOCKS * BLOCK_SIZE / size) * size;
}

static void perform_one(long file, enum kind kind, long size)
{
    enum system_call call = kind == KIND_READ ? SYS_pread64 : SYS_pwrite64;
    if (system_call6(call, file, (long)buffers[0], size, (long)next_offset((uint64_t)size), 0, 0) != size)
        fail("read or write the disk");
    if (kind == KIND_SYNC && system_call3(SYS_fsync, file, 0, 0) != 0)
        fail("flush the disk");
}

static void run_one_by_one(long file, enum kind kind, long size, long count)
{
    for (long i = 0; i < (size == BLOCK_SIZE ? WARM_UP : 16); i++)
        perform_one(file, kind, size);
    mark_begin();
    for (long i = 0; i < count; i++)
        perform_one(file, kind, size);
    mark_end();
}

static void prepare(struct control_block *block, long file, enum kind kind, long number)
{
    *block = (struct control_block){
        .data = (uint64_t)number, .operation = kind == KIND_READ ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE,
        .file = (uint32_t)file, .buffer = (uint64_t)buffers[number], .size = BLOCK_SIZE, .offset = next_offset(BLOCK_SIZE)};
}

/* Keeps `depth` requests under way: it sends as many as have ended, as fio does. */
static void run_many(long context, long file, enum kind kind, long depth, long count)
{
    static struct control_block blocks[MAXIMUM_DEPTH];
    struct control_block *batch[MAXIMUM_DEPTH];
    struct event events[MAXIMUM_DEPTH];
    long ready = depth, done = -WARM_UP;
    for (long i = 0; i < depth; i++)
        events[i].data = (uint64_t)i;
    while (done < count) {
        for (long i = 0; i < ready; i++) {
            batch[i] = &blocks[events[i].data];
            prepare(batch[i], file, kind, (long)events[i].data);
        }
        if (system_call3(SYS_io_submit, context, ready, (long)batch) != ready)
            fail("submit requests");
        ready = system_call6(SYS_io_getevents, context, 1, depth, (long)events, 0, 0);
        if (ready <= 0)
            fail("wait for requests");
        for (long i = 0; i < ready; i++)
            if (events[i].result != BLOCK_SIZE)
                fail("read or write the disk");
        if (done < 0 && done + ready >= 0)
            mark_begin();
        done += ready;
    }
    mark_end();
    for (long rest = depth - ready; rest > 0; rest -= ready) {
        ready = system_call6(SYS_io_getevents, context, 1, rest, (long)events, 0, 0);
        if (ready <= 0)
            fail("wait for the last requests");
    }
}

/* Writes all blocks, so that a disk of a pool has units for them. */
static void fill(long file)
{
    for (long block = 0; block < BLOCKS; block += MAXIMUM_BLOCKS)
        if (system_call6(SYS_pwrite64, file, (long)buffers, sizeof buffers, block * BLOCK_SIZE, 0, 0) != sizeof buffers)
            fail("fill the disk");
}

static void run(long file, const char *task, long count)
{
    static const char *const names[] = {"read", "write", "sync"};
    static long context;
    if (context == 0 && system_call3(SYS_io_setup, MAXIMUM_DEPTH, (long)&context, 0) != 0)
        fail("set up asynchronous requests");
    for (enum kind kind = KIND_READ; kind <= KIND_SYNC; kind++) {
        size_t length = 0;
        char name[8] = "";
        for (; task[length] >= 'a' && length + 1 < sizeof name; length++)
            name[length] = task[length];
        if (!is_equal(name, names[kind]))
            continue;
        const char *rest = task + length;
        long depth = parse_number(&rest), blocks = 1;
        if (*rest == 'x') {
            rest++;
            blocks = parse_number(&rest);
            count /= 8;
        }
        if (depth < 1 || depth > MAXIMUM_DEPTH || (kind == KIND_SYNC && depth > 1))
            fail("understand the depth");
        if (blocks < 1 || blocks > MAXIMUM_BLOCKS || (blocks > 1 && depth > 1))
            fail("understand the size");
        if (depth == 1)
            run_one_by_one(file, kind, blocks * BLOCK_SIZE, count);
        else
            run_many(context, file, kind, depth, count);
        return;
    }
    fail("understand the task");
}

__attribute__((used, noreturn)) static void start(const uint64_t *stack)
{
    char *const *arguments = (char *const *)(stack + 1);
    if (stack[0] < 4)
        fail("find the arguments");
    long file = system_call6(SYS_openat, AT_FDCWD, (long)arguments[1], O_RDWR | O_DIRECT, 0, 0, 0);
    if (file < 0)
        fail("open the disk");
    const char *digits = arguments[2];
    long count = parse_number(&digits);
    /* A machine with a second CPU sends its requests from there. Any other machine refuses this call. */
    static const uint64_t second_cpu = 1 << 1;
    system_call3(SYS_sched_setaffinity, 0, sizeof second_cpu, (long)&second_cpu);
    fill(file);
    for (uint64_t i = 3; i < stack[0]; i++) {
        run(file, arguments[i], count);
        write_text("requests: ");
        write_text(arguments[i]);
        write_pairs(" ", (const struct pair[]){{"", (uint64_t)count}, {NULL, 0}});
    }
    write_text("requests: end\n");
    exit_process(0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      start\n");
