#pragma once
#include <stdint.h>

/* Write to standard output: text; a number given in tenths, with one decimal. */
void write_text(const char *text);
void write_tenths(uint64_t tenths);
/* Writes one line, in one piece even if other processes write: `prefix`, then names and numbers up to a pair without a
   name. */
struct pair {
    const char *name;
    uint64_t value;
};
void write_pairs(const char *prefix, const struct pair *pairs);
/* Reports a failed operation on standard error, and ends the process. */
__attribute__((noreturn)) void fail(const char *what);
