/* Writes and reads a disk at random places without the page cache, and verifies each byte that it reads. Several
   processes do so at once, each in its own part of the disk, so that as many requests are under way.

   Usage: disk DEVICE OWNER JOBS BLOCKS SEED. Each job has BLOCKS blocks of 4 KiB, which are zero at first. The contents
   name OWNER, so that those of another machine count as wrong. The jobs go on until /tmp/stop exists. Then each reads
   all of its blocks again. Prints `disk OWNER: job J done N longest U` (N operations so far, and the longest one in µs), and
   last `disk OWNER: end F`, with the number of jobs that failed. A wrong or failed operation ends its job with a line
   `disk OWNER: wrong …`. */
#include "files.h"

enum {
    BLOCK = 4096,
    LONGEST = 16,
    MAXIMUM_BLOCKS = 16384,
    REPORT_INTERVAL = 250,
    /* The ioctl that zeroes a range of a block device. */
    BLKZEROOUT = 0x127f,
};

static char buffer[LONGEST * BLOCK] __attribute__((aligned(BLOCK)));
/* The number of the last write of each block, or 0 if it is zero. */
static uint32_t generations[MAXIMUM_BLOCKS];

struct job {
    long file;
    uint64_t owner, number, blocks, state, done, longest;
    uint32_t generation;
};

static uint64_t next_random(struct job *job)
{
    return mix(job->state++);
}

static uint64_t microseconds(void)
{
    struct {
        int64_t seconds, nanoseconds;
    } now;
    system_call3(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0);
    return (uint64_t)now.seconds * 1000000 + (uint64_t)now.nanoseconds / 1000;
}

/* The first word of a block. The following words count up from it. */
static uint64_t first_word(const struct job *job, uint64_t block, uint32_t generation)
{
    return mix(mix(mix(job->owner) ^ job->number) ^ block) ^ (uint64_t)generation << 20;
}

static __attribute__((noreturn)) void report_wrong(
    const struct job *job, const char *what, uint64_t block, uint64_t found, uint64_t expected)
{
    struct pair pairs[] = {
        {"", job->owner}, {": wrong job ", job->number}, {what, block}, {" found ", found}, {" expected ", expected},
        {NULL, 0}};
    write_pairs("disk ", pairs);
    exit_process(1);
}

static void fill(const struct job *job, uint64_t block, uint64_t count)
{
    uint64_t *word = (uint64_t *)buffer;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = first_word(job, block + i, job->generation);
        for (int j = 0; j < BLOCK / 8; j++)
            *word++ = value++;
    }
}

static void verify(const struct job *job, uint64_t block, uint64_t count)
{
    const uint64_t *word = (const uint64_t *)buffer;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t generation = generations[block + i];
        uint64_t value = generation == 0 ? 0 : first_word(job, block + i, generation);
        for (int j = 0; j < BLOCK / 8; j++, word++, value += generation != 0)
            if (*word != value)
                report_wrong(job, " contents of block ", block + i, *word, value);
    }
}

static void set_generations(uint64_t block, uint64_t count, uint32_t generation)
{
    for (uint64_t i = 0; i < count; i++)
        generations[block + i] = generation;
}

static void finish(struct job *job, const char *what, uint64_t block, uint64_t start, long result, uint64_t expected)
{
    uint64_t time = microseconds() - start;
    if (time > job->longest)
        job->longest = time;
    if (result != (long)expected)
        report_wrong(job, what, block, (uint64_t)-result, expected);
}

static void read_blocks(struct job *job, uint64_t block, uint64_t count)
{
    uint64_t place = (job->number * job->blocks + block) * BLOCK, start = microseconds();
    long result = file_call4(SYS_pread64, job->file, (long)buffer, (long)(count * BLOCK), (long)place);
    finish(job, " read of block ", block, start, result, count * BLOCK);
    verify(job, block, count);
}

static void write_blocks(struct job *job, uint64_t block, uint64_t count)
{
    job->generation++;
    fill(job, block, count);
    uint64_t place = (job->number * job->blocks + block) * BLOCK, start = microseconds();
    long result = file_call4(SYS_pwrite64, job->file, (long)buffer, (long)(count * BLOCK), (long)place);
    finish(job, " write of block ", block, start, result, count * BLOCK);
    set_generations(block, count, job->generation);
}

static void zero_blocks(struct job *job, uint64_t block, uint64_t count)
{
    uint64_t range[] = {(job->number * job->blocks + block) * BLOCK, count * BLOCK}, start = microseconds();
    finish(job, " zeroing of block ", block, start, file_call4(SYS_ioctl, job->file, BLKZEROOUT, (long)range, 0), 0);
    set_generations(block, count, 0);
}

static void operate(struct job *job)
{
    uint64_t kind = next_random(job) % 32, block = next_random(job) % job->blocks;
    uint64_t count = 1 + next_random(job) % LONGEST;
    if (count > job->blocks - block)
        count = job->blocks - block;
    if (kind == 0) {
        uint64_t start = microseconds();
        finish(job, " flush at block ", block, start, file_call4(SYS_fsync, job->file, 0, 0, 0), 0);
    } else if (kind == 1) {
        zero_blocks(job, block, count);
    } else if (kind < 16) {
        write_blocks(job, block, count);
    } else {
        read_blocks(job, block, count);
    }
    job->done++;
}

static void report(const struct job *job)
{
    struct pair pairs[] = {
        {"", job->owner}, {": job ", job->number}, {" done ", job->done}, {" longest ", job->longest}, {NULL, 0}};
    write_pairs("disk ", pairs);
}

static __attribute__((noreturn)) void run_job(struct job *job)
{
    while (file_call4(SYS_faccessat, AT_FDCWD, (long)"/tmp/stop", 0, 0) != 0) {
        operate(job);
        if (job->done % REPORT_INTERVAL == 0)
            report(job);
    }
    for (uint64_t block = 0; block < job->blocks; block++)
        read_blocks(job, block, 1);
    report(job);
    exit_process(0);
}

__attribute__((used, noreturn)) static void run(long *stack)
{
    if (stack[0] != 6)
        fail("start without DEVICE OWNER JOBS BLOCKS SEED");
    uint64_t jobs = parse_number((const char *)stack[4]), failed = 0;
    struct job job = {.owner = parse_number((const char *)stack[3]), .blocks = parse_number((const char *)stack[5])};
    uint64_t seed = parse_number((const char *)stack[6]);
    if (job.blocks == 0 || job.blocks > MAXIMUM_BLOCKS)
        fail("use so many blocks");
    for (; job.number < jobs; job.number++) {
        job.state = mix(mix(seed) ^ job.number);
        job.file = open_file((const char *)stack[2], O_RDWR | O_DIRECT);
        if (job.file < 0)
            fail("open the device");
        long child = fork_process();
        if (child == 0)
            run_job(&job);
        if (child < 0)
            fail("start a job");
    }
    for (uint64_t i = 0; i < jobs; i++) {
        int status = -1;
        system_call6(SYS_wait4, -1, (long)&status, 0, 0, 0, 0);
        failed += status != 0;
    }
    struct pair pairs[] = {{"", job.owner}, {": end ", failed}, {NULL, 0}};
    write_pairs("disk ", pairs);
    exit_process(failed != 0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      run\n");
