#include "crew.h"
#include "linux.h"
#include "marks.h"
#include "output.h"
#include "work.h"

struct pipe {
    int out, in;
};

/* The bytes of `reports` say that a process is ready, and later that it has ended its share. Permission to begin and to
   leave come by pipes of their own: if there was one pipe, a fast process could take the permission of a slow one. */
struct crew {
    struct pipe reports, starts, ends;
};

static void open_pipe(struct pipe *pipe)
{
    if (system_call3(SYS_pipe2, (long)pipe, 0, 0) != 0)
        fail("make a pipe");
}

static void close_pipe(const struct pipe *pipe)
{
    system_call3(SYS_close, pipe->out, 0, 0);
    system_call3(SYS_close, pipe->in, 0, 0);
}

static void send(const struct pipe *pipe, int bytes)
{
    static const char text[64];
    if (bytes > 0 && system_call3(SYS_write, pipe->in, (long)text, bytes) != bytes)
        fail("write to a pipe");
}

static void receive(const struct pipe *pipe, int bytes)
{
    char byte;
    for (int i = 0; i < bytes; i++)
        if (system_call3(SYS_read, pipe->out, (long)&byte, 1) != 1)
            fail("read from a pipe");
}

static uint64_t warm_up_count(uint64_t share)
{
    return share / 64 + 1;
}

__attribute__((noreturn)) static void join(const struct crew *crew, void (*run)(uint64_t), uint64_t share, int processor)
{
    bind_to_processor(processor);
    run(warm_up_count(share));
    send(&crew->reports, 1);
    receive(&crew->starts, 1);
    run(share);
    send(&crew->reports, 1);
    receive(&crew->ends, 1);
    exit_process(0);
}

void pause_for(long milliseconds)
{
    const struct {
        long seconds, nanoseconds;
    } time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    system_call3(SYS_nanosleep, (long)&time, 0, 0);
}

uint64_t measure_crew(void (*run)(uint64_t count), uint64_t count, int processors)
{
    struct crew crew;
    long members[8];
    const int others = processors - 1;
    if (processors < 1 || others > 8)
        fail("use this number of processors");
    uint64_t share = count / (uint64_t)processors;
    open_pipe(&crew.reports);
    open_pipe(&crew.starts);
    open_pipe(&crew.ends);
    bind_to_processor(0);
    for (int i = 0; i < others; i++) {
        members[i] = fork_process();
        if (members[i] == 0)
            join(&crew, run, share, i + 1);
    }
    run(warm_up_count(share));
    receive(&crew.reports, others);
    /* Nobody must still be busy with what this machine wrote to its console. */
    pause_for(50);
    uint64_t start = read_counter();
    mark_begin();
    send(&crew.starts, others);
    run(share);
    receive(&crew.reports, others);
    mark_end();
    uint64_t ticks = read_counter() - start;
    send(&crew.ends, others);
    for (int i = 0; i < others; i++)
        wait_for(members[i]);
    close_pipe(&crew.reports);
    close_pipe(&crew.starts);
    close_pipe(&crew.ends);
    return ticks;
}
