/* Measures Xen's means of communication between two domains. One copy of the program runs in each.

   `xen offer` runs in the domain that serves. It measures how long it takes to grant a page and to end the grant, offers
   pages and an event channel to domain 0, prints `xen: offer REFERENCE PORT`, and answers each event by one.
   `xen measure DOMAIN REFERENCE PORT` runs in domain 0 and measures everything else.
   `xen first` runs as a domain's first process: its first instruction ends a measurement. Then it sleeps.

   Prints `xen: NAME VALUE`, nanoseconds of the virtual counter for an operation, and tells the emulator's plugin
   (Benchmarks/Requests) of each measurement of domain 0. */
#include "xen.h"
#include "marks.h"
#include "output.h"

enum { PAGE = 4096, PAGES = 256, TURNS = 1000, WARM_UP = 16 };
enum { OPERATION_VERSION = 17, UNKNOWN_OPERATION = 0xff };

/* The first page that the two programs share. The other pages follow it. */
struct shared {
    uint32_t asked, answered;
    uint32_t references[PAGES];
};

static char copies[PAGES][PAGE] __attribute__((aligned(PAGE)));
static long privileged, events, grants;
static uint32_t peer, port;
static struct shared *shared;
static char *pages;

static long open_device(const char *path)
{
    long file = system_call6(SYS_openat, AT_FDCWD, (long)path, O_RDWR, 0, 0, 0);
    if (file < 0)
        fail(path);
    return file;
}

static char *map_device(long file, uint64_t index, size_t size)
{
    long address = system_call6(SYS_mmap, 0, (long)size, PROT_READ_WRITE, MAP_SHARED, file, (long)index);
    if (address < 0 && address > -PAGE)
        fail("map granted pages");
    return (char *)address;
}

static void print(const char *name, uint64_t ticks, uint64_t count)
{
    write_text("xen: ");
    write_text(name);
    write_text(" ");
    write_tenths(ticks * (10000000000 / counter_frequency()) / count);
    write_text("\n");
}

/* Events. */

static void notify(void)
{
    if (device_call(events, XEN_NOTIFY, &port) != 0)
        fail("send an event");
}

/* Waits for an event, and allows the next one. */
static void wait_for_event(void)
{
    uint32_t arrived;
    if (system_call3(SYS_read, events, (long)&arrived, sizeof arrived) != sizeof arrived ||
        system_call3(SYS_write, events, (long)&arrived, sizeof arrived) != sizeof arrived)
        fail("wait for an event");
}

static void ask(void)
{
    uint32_t number = ++*(volatile uint32_t *)&shared->asked;
    notify();
    while (*(volatile uint32_t *)&shared->answered != number)
        wait_for_event();
}

/* The domain that serves. */

static char *allocate(uint32_t count, uint32_t *references, uint64_t *index)
{
    static uint64_t words[2 + (PAGES + 2) / 2];
    struct xen_allocation *allocation = (struct xen_allocation *)words;
    *allocation = (struct xen_allocation){.domain = 0, .flags = XEN_IS_WRITABLE, .count = count};
    if (device_call(grants, XEN_ALLOCATE, allocation) != 0)
        fail("grant pages");
    for (uint32_t i = 0; i < count; i++)
        references[i] = allocation->references[i];
    *index = allocation->index;
    return map_device(grants, allocation->index, count * PAGE);
}

static void grant_and_end(void)
{
    uint64_t index, start = read_counter(), granted = 0;
    for (int i = 0; i < TURNS; i++) {
        uint32_t reference;
        uint64_t begin = read_counter();
        char *page = allocate(1, &reference, &index);
        *page = 1;
        granted += read_counter() - begin;
        system_call3(SYS_munmap, (long)page, PAGE, 0);
        const struct xen_release release = {.index = index, .count = 1};
        if (device_call(grants, XEN_RELEASE, &release) != 0)
            fail("end a grant");
    }
    print("grant.page", granted, TURNS);
    print("grant.end", read_counter() - start - granted, TURNS);
}

__attribute__((noreturn)) static void offer(void)
{
    uint32_t first;
    uint64_t index;
    grants = open_device("/dev/xen/gntalloc");
    events = open_device("/dev/xen/evtchn");
    grant_and_end();
    shared = (struct shared *)allocate(1, &first, &index);
    allocate(PAGES, shared->references, &index);
    const uint32_t domain = 0;
    long bound = device_call(events, XEN_BIND_UNBOUND, &domain);
    if (bound <= 0)
        fail("make an event channel");
    port = (uint32_t)bound;
    write_pairs("xen: offer", (const struct pair[]){{" ", first}, {" ", port}, {NULL, 0}});
    for (;;) {
        wait_for_event();
        *(volatile uint32_t *)&shared->answered = *(volatile uint32_t *)&shared->asked;
        notify();
    }
}

/* The domain that measures. */

/* Maps `count` granted pages, and returns the index for the unmap. */
static uint64_t map_grants(const uint32_t *references, uint32_t count, char **address)
{
    static uint64_t words[2 + PAGES];
    struct xen_map *map = (struct xen_map *)words;
    map->count = count;
    for (uint32_t i = 0; i < count; i++) {
        words[2 + i] = (uint64_t)references[i] << 32 | peer;
    }
    if (device_call(grants, XEN_MAP, map) != 0)
        fail("name grants");
    *address = map_device(grants, map->index, count * PAGE);
    return map->index;
}

static void unmap_grants(uint64_t index, uint32_t count, char *address)
{
    const struct xen_unmap unmap = {.index = index, .count = count};
    if (system_call3(SYS_munmap, (long)address, count * PAGE, 0) != 0 || device_call(grants, XEN_UNMAP, &unmap) != 0)
        fail("unmap grants");
}

static void map_and_unmap(uint32_t count)
{
    char *address;
    uint64_t index = map_grants(shared->references, count, &address);
    for (uint32_t i = 0; i < count; i++)
        *(volatile char *)(address + i * PAGE);
    unmap_grants(index, count, address);
}

static void copy_grants(uint32_t count)
{
    static struct xen_copy_segment segments[PAGES];
    for (uint32_t i = 0; i < count; i++)
        segments[i] = (struct xen_copy_segment){
            .source.grant = {.reference = shared->references[i], .domain = (uint16_t)peer},
            .target.address = copies[i], .length = PAGE, .flags = XEN_SOURCE_IS_GRANT};
    const struct xen_copy copy = {.count = count, .segments = segments};
    if (device_call(grants, XEN_COPY, &copy) != 0 || segments[count - 1].status != 0)
        fail("copy granted pages");
}

void *memcpy(void *to, const void *from, size_t size);

/* Copies pages that stay mapped, with the instructions that Entente's components use. */
static void copy_mapped(uint32_t count)
{
    memcpy(copies[0], pages, count * PAGE);
}

static void call_refused(uint32_t count)
{
    (void)count;
    device_call(privileged, UNKNOWN_OPERATION, NULL);
}

static void call_version(uint32_t count)
{
    (void)count;
    const struct xen_hypercall call = {.operation = OPERATION_VERSION};
    if (device_call(privileged, XEN_HYPERCALL, &call) <= 0)
        fail("perform a hypercall");
}

static void call_getppid(uint32_t count)
{
    (void)count;
    system_call3(SYS_getppid, 0, 0, 0);
}

static uint32_t unbound_port;

static void send_to_nobody(uint32_t count)
{
    (void)count;
    if (device_call(events, XEN_NOTIFY, &unbound_port) != 0)
        fail("send an event to nobody");
}

static void make_round_trip(uint32_t count)
{
    (void)count;
    ask();
}

static void do_nothing(uint32_t count)
{
    (void)count;
}

struct row {
    const char *name;
    void (*run)(uint32_t count);
    uint32_t pages, turns;
};

static const struct row rows[] = {
    {"empty", do_nothing, 0, TURNS},
    {"getppid", call_getppid, 0, TURNS},
    {"ioctl.refused", call_refused, 0, TURNS},
    {"hypercall.version", call_version, 0, TURNS},
    {"event.send", send_to_nobody, 0, TURNS},
    {"event.round-trip", make_round_trip, 0, TURNS},
    {"grant.map-unmap.1", map_and_unmap, 1, TURNS},
    {"grant.map-unmap.16", map_and_unmap, 16, 100},
    {"grant.map-unmap.256", map_and_unmap, 256, 16},
    {"grant.copy.1", copy_grants, 1, TURNS},
    {"grant.copy.16", copy_grants, 16, 100},
    {"grant.copy.256", copy_grants, 256, 16},
    {"mapped.copy.1", copy_mapped, 1, TURNS},
    {"mapped.copy.16", copy_mapped, 16, 100},
    {"mapped.copy.256", copy_mapped, 256, 16},
};

static void measure(const struct row *row)
{
    for (int i = 0; i < WARM_UP; i++)
        row->run(row->pages);
    mark_begin();
    uint64_t start = read_counter();
    for (uint32_t i = 0; i < row->turns; i++)
        row->run(row->pages);
    uint64_t ticks = read_counter() - start;
    mark_end();
    print(row->name, ticks, row->turns);
}

__attribute__((noreturn)) static void measure_all(uint32_t domain, uint32_t reference, uint32_t remote_port)
{
    char *first;
    peer = domain;
    privileged = open_device("/dev/xen/privcmd");
    grants = open_device("/dev/xen/gntdev");
    events = open_device("/dev/xen/evtchn");
    map_grants(&reference, 1, &first);
    shared = (struct shared *)first;
    map_grants(shared->references, PAGES, &pages);
    const struct xen_bind bind = {.domain = domain, .port = remote_port};
    long bound = device_call(events, XEN_BIND_INTERDOMAIN, &bind);
    long unbound = device_call(events, XEN_BIND_UNBOUND, &domain);
    if (bound <= 0 || unbound <= 0)
        fail("bind an event channel");
    port = (uint32_t)bound;
    unbound_port = (uint32_t)unbound;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        measure(&rows[i]);
    write_text("xen: end\n");
    exit_process(0);
}

static uint32_t parse_number(const char *digits)
{
    uint32_t number = 0;
    for (; *digits >= '0' && *digits <= '9'; ++digits)
        number = number * 10 + (uint32_t)(*digits - '0');
    return number;
}

__attribute__((used, noreturn)) static void start(const long *stack)
{
    mark_end();
    char *const *arguments = (char *const *)(stack + 1);
    char mode = stack[0] >= 2 ? arguments[1][0] : 0;
    if (mode == 'o')
        offer();
    if (mode == 'm' && stack[0] == 5)
        measure_all(parse_number(arguments[2]), parse_number(arguments[3]), parse_number(arguments[4]));
    if (mode != 'f')
        fail("understand the arguments");
    const uint64_t long_time[2] = {1000000000, 0};
    for (;;)
        system_call3(SYS_nanosleep, (long)long_time, 0, 0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "mov    x0, sp\n"
        "b      start\n");
