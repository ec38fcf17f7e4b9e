#pragma once
#include <stdint.h>

/* Writes to standard output: text; a number given in tenths, with one decimal. */
void write_text(const char *text);
void write_tenths(uint64_t tenths);
/* Says on standard error what failed, and ends the process. */
__attribute__((noreturn)) void fail(const char *what);
