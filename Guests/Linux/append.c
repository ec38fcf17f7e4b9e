/* Appends records to a file without end, and makes each one durable before it says so.

   Usage: append FILE. A record is 1000 bytes, so that most of them lie across the boundaries of sectors and blocks: word
   I of record N (from 1) has the value mix(N) + I. Prints `append: found N`, where N is the number of whole records at
   the beginning of the file. Then it removes the rest of the file and goes on behind them, and prints
   `append: synced N` after the fsync of each record. */
#include "files.h"

enum { WORDS = 125 };

struct record {
    uint64_t words[WORDS];
};

static struct record record;

static void make_record(uint64_t number)
{
    for (uint64_t i = 0; i < WORDS; i++)
        record.words[i] = mix(number) + i;
}

static int is_record(uint64_t number)
{
    for (uint64_t i = 0; i < WORDS; i++)
        if (record.words[i] != mix(number) + i)
            return 0;
    return 1;
}

static long transfer(enum system_call call, long file, uint64_t number)
{
    return file_call4(call, file, (long)&record, sizeof record, (long)((number - 1) * sizeof record));
}

static void report(const char *what, uint64_t number)
{
    struct pair pairs[] = {{what, number}, {NULL, 0}};
    write_pairs("append: ", pairs);
}

__attribute__((used, noreturn)) static void run(long *stack)
{
    long file = stack[0] == 2 ? open_file((const char *)stack[2], O_RDWR | O_CREAT) : -1;
    if (file < 0)
        fail("open the file");
    uint64_t found = 0;
    while (transfer(SYS_pread64, file, found + 1) == sizeof record && is_record(found + 1))
        found++;
    report("found ", found);
    if (file_call4(SYS_ftruncate, file, (long)(found * sizeof record), 0, 0) != 0)
        fail("shorten the file");
    for (uint64_t number = found + 1;; number++) {
        make_record(number);
        if (transfer(SYS_pwrite64, file, number) != sizeof record)
            fail("write a record");
        if (file_call4(SYS_fsync, file, 0, 0, 0) != 0)
            fail("make a record durable");
        report("synced ", number);
    }
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      run\n");
