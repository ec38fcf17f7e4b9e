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

void write_tenths(uint64_t tenths)
{
    char digits[24];
    size_t first = sizeof digits;
    digits[--first] = (char)('0' + tenths % 10);
    digits[--first] = '.';
    uint64_t rest = tenths / 10;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
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
