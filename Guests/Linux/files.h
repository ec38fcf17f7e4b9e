/* System calls on files, and contents that can be verified, for the programs that test disks. */
#pragma once
#include "linux.h"
#include "output.h"

enum file_call {
    SYS_ftruncate = 46,
    SYS_faccessat = 48,
};

enum { O_CREAT = 0100 };

static inline long file_call4(int number, long a0, long a1, long a2, long a3)
{
    return system_call6((enum system_call)number, a0, a1, a2, a3, 0, 0);
}

static inline long open_file(const char *path, int flags)
{
    return file_call4(SYS_openat, AT_FDCWD, (long)path, flags, 0600);
}

/* Returns a number in which each bit of the seed counts (the finalizer of SplitMix64). */
static inline uint64_t mix(uint64_t seed)
{
    seed += 0x9e3779b97f4a7c15;
    seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9;
    seed = (seed ^ seed >> 27) * 0x94d049bb133111eb;
    return seed ^ seed >> 31;
}

static inline uint64_t parse_number(const char *text)
{
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (uint64_t)(*text - '0');
    return number;
}
