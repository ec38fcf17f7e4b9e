/* A log in a process of Linux: the same service as Benchmarks/ServicePrograms/LineLog. */
#include "servers.h"

enum { BUFFER_SIZE = 4096 };

void serve_lines(long lines, long file)
{
    static char buffer[BUFFER_SIZE];
    for (long count; (count = system_call3(SYS_read, lines, (long)buffer, BUFFER_SIZE)) > 0;)
        if (!transfer_all(SYS_write, file, buffer, count))
            return;
}
