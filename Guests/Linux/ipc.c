/* Counts the instructions of round trips between two processes on one processor: a pipe, a Unix socket, and shared
   memory with a futex, with 0 bytes to 1 MiB; and of handing descriptors to another process and taking them back.

   A round trip ends when the server has the data in its own buffer and the client has heard of it. Nothing is sent by
   a single byte. Prints `workload: NAME VALUE` like workload.c, as process 1, and then turns the machine off. */
#include "linux.h"
#include "output.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum {
    SYS_ftruncate = 46,
    SYS_futex = 98,
    SYS_socketpair = 199,
    SYS_sendmsg = 211,
    SYS_recvmsg = 212,
    SYS_memfd_create = 279,
    AF_UNIX = 1,
    SOCK_STREAM = 1,
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    MAP_SHARED_ANONYMOUS = 0x21,
    SOL_SOCKET = 1,
    SCM_RIGHTS = 1,
    LARGEST = 1 << 20,
    PAGE = 4096,
};

void *memcpy(void *to, const void *from, size_t size);

/* The data of this process. After a fork each process has its own. */
static char buffer[LARGEST] __attribute__((aligned(64)));

/* What both processes see: the numbers of requests and answers, each with a cache line of its own, and the data. */
struct shared {
    uint32_t requests __attribute__((aligned(64)));
    uint32_t answers __attribute__((aligned(64)));
    char data[LARGEST] __attribute__((aligned(4096)));
};
static struct shared *shared;

/* The descriptors by which the client writes and reads, and those of the server. */
static int client_ends[2], server_ends[2];

static long check(long result, const char *what)
{
    if (result < 0)
        fail(what);
    return result;
}

static void write_whole(int file, const char *bytes, size_t size)
{
    while (size > 0) {
        long done = check(system_call3(SYS_write, file, (long)bytes, (long)size), "write");
        bytes += done;
        size -= (size_t)done;
    }
}

static void read_whole(int file, char *bytes, size_t size)
{
    while (size > 0) {
        long done = system_call3(SYS_read, file, (long)bytes, (long)size);
        if (done <= 0)
            fail("read");
        bytes += done;
        size -= (size_t)done;
    }
}

static void open_pipes(void)
{
    int there[2], back[2];
    check(system_call3(SYS_pipe2, (long)there, 0, 0), "make a pipe");
    check(system_call3(SYS_pipe2, (long)back, 0, 0), "make a pipe");
    client_ends[0] = there[1];
    client_ends[1] = back[0];
    server_ends[0] = back[1];
    server_ends[1] = there[0];
}

static void open_socket(void)
{
    int ends[2];
    check(system_call6(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (long)ends, 0, 0), "make a socket");
    client_ends[0] = client_ends[1] = ends[0];
    server_ends[0] = server_ends[1] = ends[1];
}

static void open_memory(void)
{
    shared->requests = shared->answers = 0;
    client_ends[0] = client_ends[1] = server_ends[0] = server_ends[1] = -1;
}

static void send_stream(size_t size)
{
    char answer;
    write_whole(client_ends[0], buffer, size > 0 ? size : 1);
    read_whole(client_ends[1], &answer, 1);
}

static void serve_stream(size_t size)
{
    read_whole(server_ends[1], buffer, size > 0 ? size : 1);
    write_whole(server_ends[0], buffer, 1);
}

static uint32_t load(uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

/* Publishes the next number, and wakes the process that waits for it. */
static void announce(uint32_t *word)
{
    __atomic_store_n(word, *word + 1, __ATOMIC_RELEASE);
    check(system_call6(SYS_futex, (long)word, FUTEX_WAKE, 1, 0, 0, 0), "wake a process");
}

/* Waits until the word is another one than `old`. */
static void await(uint32_t *word, uint32_t old)
{
    while (load(word) == old)
        system_call6(SYS_futex, (long)word, FUTEX_WAIT, (long)old, 0, 0, 0);
}

static void send_in_place(size_t size)
{
    (void)size;
    uint32_t before = shared->answers;
    announce(&shared->requests);
    await(&shared->answers, before);
}

static void send_memory(size_t size)
{
    memcpy(shared->data, buffer, size);
    send_in_place(size);
}

static void serve_in_place(size_t size)
{
    (void)size;
    await(&shared->requests, shared->answers);
    announce(&shared->answers);
}

static void serve_memory(size_t size)
{
    await(&shared->requests, shared->answers);
    memcpy(buffer, shared->data, size);
    announce(&shared->answers);
}

struct way {
    const char *name;
    void (*open)(void);
    void (*send)(size_t size);
    void (*serve)(size_t size);
};

static const struct way ways[] = {
    {"pipe", open_pipes, send_stream, serve_stream},
    {"socket", open_socket, send_stream, serve_stream},
    {"memory", open_memory, send_memory, serve_memory},
    {"in-place", open_memory, send_in_place, serve_in_place},
};

static void close_all(void)
{
    int files[] = {client_ends[0], client_ends[1], server_ends[0], server_ends[1]};
    for (size_t i = 0; i < LENGTH(files); i++)
        if (files[i] >= 0)
            system_call3(SYS_close, files[i], 0, 0);
}

static void wait_for(long process)
{
    int status = -1;
    if (system_call6(SYS_wait4, process, (long)&status, 0, 0, 0, 0) != process || status != 0)
        fail("wait for the server");
}

static void report(const char *kind, const char *name, const char *size, uint64_t ticks, uint64_t turns)
{
    write_text("workload: ");
    write_text(kind);
    write_text(".");
    write_text(name);
    write_text(size);
    write_text(" ");
    write_tenths(ticks * (10000000000 / counter_frequency()) / turns);
    write_text("\n");
}

/* Measures `turns` round trips, after some that touch the memory of both processes. */
static void measure(const struct way *way, size_t size, const char *size_name)
{
    const uint64_t turns = size <= PAGE ? 1000 : size <= 65536 ? 100 : 10, warm = turns / 8 + 2;
    way->open();
    long server = check(fork_process(), "start a process");
    if (server == 0) {
        for (uint64_t i = 0; i < warm + turns; i++)
            way->serve(size);
        /* The last bytes tell that the data has come. */
        if (size > 0 && way->serve != serve_in_place && buffer[size - 1] != 7)
            fail("receive the data");
        exit_process(0);
    }
    if (size > 0)
        buffer[size - 1] = 7;
    for (uint64_t i = 0; i < warm; i++)
        way->send(size);
    uint64_t start = read_counter();
    for (uint64_t i = 0; i < turns; i++)
        way->send(size);
    uint64_t end = read_counter();
    wait_for(server);
    if (size > 0)
        buffer[size - 1] = 0;
    close_all();
    report("transfer", way->name, size_name, end - start, turns);
}

/* A message of one byte with one descriptor. */
struct message {
    char byte;
    struct {
        void *base;
        size_t size;
    } part;
    struct {
        uint64_t size;
        int level, type, file;
    } control;
    struct {
        void *name;
        uint32_t name_size;
        void *parts;
        size_t part_count;
        void *control;
        size_t control_size;
        int flags;
    } header;
};

static void prepare(struct message *message, int file)
{
    message->byte = 1;
    message->part.base = &message->byte;
    message->part.size = 1;
    message->control.size = 20;
    message->control.level = SOL_SOCKET;
    message->control.type = SCM_RIGHTS;
    message->control.file = file;
    message->header.name = NULL;
    message->header.name_size = 0;
    message->header.parts = &message->part;
    message->header.part_count = 1;
    message->header.control = &message->control;
    message->header.control_size = sizeof message->control;
    message->header.flags = 0;
}

/* Takes a descriptor, maps it if it is memory, and gives it back when the client asks. */
static void hold(int is_memory)
{
    struct message message;
    char byte = 0;
    prepare(&message, -1);
    check(system_call3(SYS_recvmsg, server_ends[1], (long)&message.header, 0), "receive a descriptor");
    int file = message.control.file;
    long area = 0;
    if (is_memory) {
        area = check(system_call6(SYS_mmap, 0, PAGE, PROT_READ_WRITE, MAP_SHARED, file, 0), "map memory");
        *(volatile char *)area = 1;
    }
    write_whole(server_ends[0], &byte, 1);
    read_whole(server_ends[1], &byte, 1);
    if (is_memory)
        check(system_call3(SYS_munmap, area, PAGE, 0), "unmap memory");
    check(system_call3(SYS_close, file, 0, 0), "close a descriptor");
    write_whole(server_ends[0], &byte, 1);
}

/* Measures a descriptor on its way to another process, and its return, which needs the consent of that process. The
   owner alone can shrink memory, so that the other process loses it. */
static void delegate(int is_memory, const char *name)
{
    const uint64_t turns = 500;
    uint64_t delegated = 0, revoked = 0, returned = 0;
    struct message message;
    char byte = 0;
    open_socket();
    long holder = check(fork_process(), "start a process");
    if (holder == 0) {
        for (uint64_t i = 0; i < turns; i++)
            hold(is_memory);
        exit_process(0);
    }
    int pipe[2];
    check(system_call3(SYS_pipe2, (long)pipe, 0, 0), "make a pipe");
    int file = is_memory ? (int)check(system_call3(SYS_memfd_create, (long)"page", 0, 0), "make memory") : pipe[1];
    for (uint64_t i = 0; i < turns; i++) {
        if (is_memory)
            check(system_call3(SYS_ftruncate, file, PAGE, 0), "size memory");
        prepare(&message, file);
        uint64_t start = read_counter();
        check(system_call3(SYS_sendmsg, client_ends[0], (long)&message.header, 0), "send a descriptor");
        read_whole(client_ends[1], &byte, 1);
        uint64_t held = read_counter();
        if (is_memory)
            check(system_call3(SYS_ftruncate, file, 0, 0), "shrink memory");
        uint64_t gone = read_counter();
        write_whole(client_ends[0], &byte, 1);
        read_whole(client_ends[1], &byte, 1);
        returned += read_counter() - gone;
        revoked += gone - held;
        delegated += held - start;
    }
    wait_for(holder);
    close_all();
    report("delegate", name, "", delegated, turns);
    report("return", name, "", returned, turns);
    if (is_memory)
        report("revoke", name, "", revoked, turns);
}

static const struct {
    size_t size;
    const char *name;
} sizes[] = {{0, ".0"}, {48, ".48"}, {512, ".512"}, {4096, ".4096"}, {65536, ".65536"}, {LARGEST, ".1048576"}};

__attribute__((used, noreturn)) static void run(void)
{
    shared = (struct shared *)check(
        system_call6(SYS_mmap, 0, sizeof *shared, PROT_READ_WRITE, MAP_SHARED_ANONYMOUS, -1, 0), "map memory");
    for (size_t at = 0; at < LARGEST; at += PAGE)
        shared->data[at] = buffer[at] = 1;
    for (size_t way = 0; way < LENGTH(ways); way++)
        for (size_t i = 0; i < LENGTH(sizes); i++)
            measure(&ways[way], sizes[i].size, sizes[i].name);
    delegate(1, "page");
    delegate(0, "endpoint");
    write_text("workload: end 1\n");
    power_off();
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "b      run\n");
