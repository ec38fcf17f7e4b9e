#include "output.h"
#include "linux.h"

static size_t length(const char *text)
{
    size_t count = 0;
    while (text[count] != 0)
        count++;
    return count;
}

static void write_all(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        long written = system_call3(SYS_write, file, (long)bytes, (long)count);
        if (written <= 0)
            exit_process(2);
        bytes += written;
        count -= (size_t)written;
    }
}

void write_text(const char *text)
{
    write_all(1, text, length(text));
}

/* Writes the digits of `number` before `end`; returns the first. */
static char *format_number(char *end, uint64_t number)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return end;
}

void write_pairs(const char *prefix, const struct pair *pairs)
{
    char line[256];
    size_t used = 0;
    for (; *prefix != 0; prefix++)
        line[used++] = *prefix;
    for (; pairs->name != NULL && used + 64 < sizeof line; pairs++) {
        char digits[20];
        for (const char *name = pairs->name; *name != 0; name++)
            line[used++] = *name;
        for (char *digit = format_number(digits + sizeof digits, pairs->value); digit < digits + sizeof digits; digit++)
            line[used++] = *digit;
    }
    line[used++] = '\n';
    write_all(1, line, used);
}

void write_tenths(uint64_t tenths)
{
    char digits[24];
    size_t first = sizeof digits;
    digits[--first] = (char)('0' + tenths % 10);
    digits[--first] = '.';
    first = (size_t)(format_number(digits + first, tenths / 10) - digits);
    write_all(1, digits + first, sizeof digits - first);
}

void fail(const char *what)
{
    static const char prefix[] = "workload: cannot ";
    write_all(2, prefix, sizeof prefix - 1);
    write_all(2, what, length(what));
    write_all(2, "\n", 1);
    exit_process(1);
}
