/* Measures services of Linux: a store and a log in processes of their own, behind pipes, and the page cache, which serves
   items without another process. It marks each measurement for the emulator's plugin (Benchmarks/Requests), and prints
   the lines of Benchmarks/ServicePrograms/ServiceBench.

   Argument: the operations of each task. */
#include "marks.h"
#include "output.h"
#include "servers.h"

enum { LINE_SIZE = 56, O_CREAT = 0x40, WARM_UP = 64, O_TRUNC = 0x200 };

static char item[ITEM_SIZE] __attribute__((aligned(ITEM_SIZE)));
static long requests, answers, lines, cache;

static void require(int holds, const char *what)
{
    if (!holds)
        fail(what);
}

static void make_pipe(int ends[2])
{
    require(system_call3(SYS_pipe2, (long)ends, 0, 0) == 0, "make a pipe");
}

static void start_item_server(void)
{
    int forth[2], back[2];
    make_pipe(forth);
    make_pipe(back);
    if (fork_process() == 0) {
        system_call3(SYS_close, forth[1], 0, 0);
        system_call3(SYS_close, back[0], 0, 0);
        serve_items(forth[0], back[1]);
        exit_process(0);
    }
    system_call3(SYS_close, forth[0], 0, 0);
    system_call3(SYS_close, back[1], 0, 0);
    requests = forth[1];
    answers = back[0];
}

static void start_line_server(void)
{
    int ends[2];
    make_pipe(ends);
    if (fork_process() == 0) {
        system_call3(SYS_close, ends[1], 0, 0);
        long file = system_call6(SYS_openat, AT_FDCWD, (long)"/log", O_RDWR | O_CREAT | O_TRUNC, 0644, 0, 0);
        serve_lines(ends[0], file);
        exit_process(0);
    }
    system_call3(SYS_close, ends[0], 0, 0);
    lines = ends[1];
}

static void ask(enum item_request_kind kind, uint64_t key)
{
    struct item_request request = {kind, key};
    uint64_t answer;
    require(transfer_all(SYS_write, requests, &request, sizeof request), "ask the store");
    if (kind == ITEM_PUT)
        require(transfer_all(SYS_write, requests, item, ITEM_SIZE), "send an item");
    require(transfer_all(SYS_read, answers, &answer, sizeof answer) && answer == 1, "get an answer");
    if (kind == ITEM_GET)
        require(transfer_all(SYS_read, answers, item, ITEM_SIZE), "get an item");
}

static void ask_has(uint64_t turn) { ask(ITEM_HAS, turn % ITEM_COUNT); }
static void ask_get(uint64_t turn) { ask(ITEM_GET, turn % ITEM_COUNT); }
static void ask_put(uint64_t turn) { ask(ITEM_PUT, turn % ITEM_COUNT); }

static void append_line(uint64_t turn)
{
    static char line[LINE_SIZE + 1] = "2026-01-01 00:00:00 gateway: the door of gate 7 is open\n";
    (void)turn;
    require(transfer_all(SYS_write, lines, line, LINE_SIZE), "append a line");
}

/* Appends a line, and lets the log take it before the next one, as a component's call does. */
static void append_line_at_once(uint64_t turn)
{
    append_line(turn);
    system_call3(SYS_sched_yield, 0, 0, 0);
}

static void read_cached(uint64_t turn)
{
    long offset = (long)(turn % ITEM_COUNT * ITEM_SIZE);
    require(system_call6(SYS_pread64, cache, (long)item, ITEM_SIZE, offset, 0, 0) == ITEM_SIZE, "read a file");
}

static void call_kernel(uint64_t turn)
{
    (void)turn;
    system_call3(SYS_getppid, 0, 0, 0);
}

static void measure(const char *name, uint64_t count, void (*task)(uint64_t))
{
    for (uint64_t turn = 0; turn < WARM_UP; turn++)
        task(turn);
    mark_begin();
    for (uint64_t turn = 0; turn < count; turn++)
        task(turn);
    mark_end();
    write_text("service: ");
    write_text(name);
    write_pairs(" ", (const struct pair[]){{"", count}, {NULL, 0}});
}

/* Fills the store and a file with items that tell their keys, and looks at some of them. */
static void fill(void)
{
    cache = system_call6(SYS_openat, AT_FDCWD, (long)"/items", O_RDWR | O_CREAT | O_TRUNC, 0644, 0, 0);
    require(cache >= 0, "make a file");
    for (uint64_t key = 0; key < ITEM_COUNT; key++) {
        item[0] = item[ITEM_SIZE - 1] = (char)key;
        ask_put(key);
        require(transfer_all(SYS_write, cache, item, ITEM_SIZE), "write a file");
    }
    for (uint64_t key = 0; key < ITEM_COUNT; key++) {
        ask_get(key);
        require(item[0] == (char)key && item[ITEM_SIZE - 1] == (char)key, "get back what was put");
        read_cached(key);
        require(item[0] == (char)key && item[ITEM_SIZE - 1] == (char)key, "read back what was written");
    }
}

__attribute__((used, noreturn)) static void run(const long *stack)
{
    if (stack[0] != 2)
        fail("find the argument");
    /* The plugin notes the instructions before this measurement when the guest is left for the first time. */
    mark_begin();
    write_text("services: begin\n");
    mark_end();
    write_text("service: start 1\n");
    uint64_t count = 0;
    for (const char *digit = (const char *)stack[2]; *digit >= '0' && *digit <= '9'; digit++)
        count = count * 10 + (uint64_t)(*digit - '0');
    start_item_server();
    start_line_server();
    fill();
    measure("call.has", count, ask_has);
    measure("call.get", count, ask_get);
    measure("call.put", count, ask_put);
    measure("log.append", count, append_line_at_once);
    measure("log.append-batched", count, append_line);
    measure("cache.get", count, read_cached);
    measure("kernel.call", count, call_kernel);
    write_text("service: end\n");
    exit_process(0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      run\n");
