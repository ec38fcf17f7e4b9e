/* Measures KVM's means of a few tasks, as the monitor of small machines in one process. Tells the emulator's plugin
   (Benchmarks/Instructions) when each measurement begins and ends, and prints `primitive: NAME COUNT` behind each.

     event.send         a store of the guest to an address that signals an event, for which nobody waits
     event.by-monitor   a store that ends in this process, which signals the event
     event.bind         such an address bound to the event, and the binding ended
     event.round-trip   an event that raises an interrupt of a guest which sleeps in another process, and one back
     fault.page-in      the first touch of a page that its owner has already
     interrupt.inject   an interrupt of a processor that does not run, and on which it is pending already
     memory.revoke      a page of the guest taken away
     memory.lend        a page given to another machine, which reads a word of it and leaves, and taken back
     switch             an exit to this process, and the entry of another machine
     copy.4096          an exit to this process, a copy to another machine's memory, and the way back
     copy.alone.4096    the copy alone

   The machines have no operating system, and no stage 1 of translation. */
#include "kvm.h"
#include "marks.h"
#include "output.h"

enum { PAGE = 4096, PAGES = 512, TURNS = 1000, WARM_UP = 16, INTERRUPT = 40, FIRST_SHARED = 32 };
enum {
    RAM = 0x40000000,
    LENT = 0x50000000,
    /* Addresses without memory: the stores end KVM_RUN, or signal an event. */
    DEVICE = 0x9000000,
    DOORBELL = 0x9001000,
    DISTRIBUTOR = 0x8000000,
    REDISTRIBUTOR = 0x80a0000,
};

void *memcpy(void *restrict to, const void *restrict from, size_t size);

/* The programs of the guests. They lie in the first page of RAM.
     guest_touch    stores to x1 pages from x0 on, then leaves
     guest_leave    leaves by a store to x2, over and over
     guest_ring     stores x1 times to x0, then leaves
     guest_read     reads a word at x0, then leaves, over and over
     guest_answer   prepares the interrupt controller (its distributor is x0), leaves once, and answers each interrupt
                    by a store to x3. It sleeps with interrupts masked, which ends at an interrupt all the same. */
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        "guest_touch:\n"
        "   strb    wzr, [x0]\n"
        "   add     x0, x0, #4096\n"
        "   subs    x1, x1, #1\n"
        "   b.ne    guest_touch\n"
        "guest_leave:\n"
        "   str     wzr, [x2]\n"
        "   b       guest_leave\n"
        "guest_ring:\n"
        "   str     wzr, [x0]\n"
        "   subs    x1, x1, #1\n"
        "   b.ne    guest_ring\n"
        "   b       guest_leave\n"
        "guest_read:\n"
        "   ldr     w4, [x0]\n"
        "   str     wzr, [x2]\n"
        "   b       guest_read\n"
        "guest_answer:\n"
        "   mov     w4, #0x12\n"            /* GICD_CTLR: affinity routing, group 1. */
        "   str     w4, [x0]\n"
        "   mov     w4, #0x100\n"           /* Bit 40 % 32. */
        "   str     w4, [x0, #0x84]\n"      /* GICD_IGROUPR1 */
        "   mov     w5, #0x20000\n"         /* Edge-triggered, so that a pulse stays pending. */
        "   str     w5, [x0, #0xc08]\n"     /* GICD_ICFGR2 */
        "   add     x6, x0, #0x6000\n"
        "   str     xzr, [x6, #0x140]\n"    /* GICD_IROUTER40: processor 0. */
        "   str     w4, [x0, #0x104]\n"     /* GICD_ISENABLER1 */
        "   mov     w4, #0xff\n"
        "   msr     s3_0_c4_c6_0, x4\n"     /* ICC_PMR_EL1 */
        "   mov     w4, #1\n"
        "   msr     s3_0_c12_c12_7, x4\n"   /* ICC_IGRPEN1_EL1 */
        "   isb\n"
        "   str     wzr, [x2]\n"
        "1: wfi\n"
        "   mrs     x4, s3_0_c12_c12_0\n"   /* ICC_IAR1_EL1 */
        "   cmp     w4, #1020\n"
        "   b.hs    1b\n"
        "   msr     s3_0_c12_c12_1, x4\n"   /* ICC_EOIR1_EL1 */
        "   str     wzr, [x3]\n"
        "   b       1b\n"
        "guest_end:\n"
        ".popsection\n");
extern const char guest_touch[], guest_leave[], guest_ring[], guest_read[], guest_answer[], guest_end[];

struct machine {
    long file, processor;
    volatile struct kvm_run *run;
    char *memory;
};

static long kvm;

static long operate(long file, long operation, const void *argument, const char *what)
{
    long result = system_call3(SYS_ioctl, file, operation, (long)argument);
    if (result < 0)
        fail(what);
    return result;
}

static char *map(size_t size, long flags, long file)
{
    long address = system_call6(SYS_mmap, 0, (long)size, PROT_READ_WRITE, flags, file, 0);
    if (address < 0 && address > -PAGE)
        fail("map memory");
    return (char *)address;
}

/* Gives the machine's process each of its pages. */
static void touch_memory(const struct machine *machine)
{
    for (long page = 0; page < PAGES; page++)
        *(volatile char *)(machine->memory + page * PAGE) = 1;
    memcpy(machine->memory, guest_touch, (size_t)(guest_end - guest_touch));
}

static void make_interrupt_controller(long machine)
{
    struct kvm_device device = {.type = KVM_GIC_V3};
    operate(machine, KVM_CREATE_DEVICE, &device, "make an interrupt controller");
    const uint64_t distributor = DISTRIBUTOR, redistributor = REDISTRIBUTOR;
    const struct kvm_attribute attributes[] = {
        {.group = KVM_GIC_ADDRESS, .attribute = KVM_GIC_DISTRIBUTOR, .address = (uint64_t)&distributor},
        {.group = KVM_GIC_ADDRESS, .attribute = KVM_GIC_REDISTRIBUTOR, .address = (uint64_t)&redistributor},
        {.group = KVM_GIC_CONTROL, .attribute = KVM_GIC_INITIALIZE},
    };
    for (int i = 0; i < 3; i++)
        operate(device.file, KVM_SET_ATTRIBUTE, &attributes[i], "prepare the interrupt controller");
}

static void set_region(const struct machine *machine, uint32_t slot, uint64_t address, uint64_t size, char *memory)
{
    const struct kvm_region region = {.slot = slot, .address = address, .size = size, .memory = (uint64_t)memory};
    operate(machine->file, KVM_SET_REGION, &region, "set a machine's memory");
}

static void make_machine(struct machine *machine)
{
    machine->file = operate(kvm, KVM_CREATE_VM, 0, "make a machine");
    machine->memory = map(PAGES * PAGE, MAP_PRIVATE_ANONYMOUS, -1);
    system_call3(SYS_madvise, (long)machine->memory, PAGES * PAGE, MADV_NOHUGEPAGE);
    touch_memory(machine);
    set_region(machine, 0, RAM, PAGES * PAGE, machine->memory);
    machine->processor = operate(machine->file, KVM_CREATE_PROCESSOR, 0, "make a processor");
    struct kvm_target target;
    operate(machine->file, KVM_PREFERRED_TARGET, &target, "choose a processor");
    target.features[0] |= KVM_HAS_PSCI;
    operate(machine->processor, KVM_INITIALIZE_PROCESSOR, &target, "prepare a processor");
    make_interrupt_controller(machine->file);
    machine->run = (struct kvm_run *)map(
        (size_t)operate(kvm, KVM_SIZE_OF_RUN, 0, "tell the size of a processor"), MAP_SHARED, machine->processor);
}

/* Runs the machine until it leaves. */
static void run(const struct machine *machine)
{
    operate(machine->processor, KVM_RUN, 0, "run a machine");
    if (machine->run->reason != KVM_EXIT_REGISTER)
        fail("go on after an exit");
}

/* Steps over the store by which the guest has left. KVM does this when the processor runs again, and would step over
   the first instruction of the next program. */
static void complete_exit(const struct machine *machine)
{
    machine->run->returns_at_once = 1;
    if (system_call3(SYS_ioctl, machine->processor, KVM_RUN, 0) != -EINTR)
        fail("complete an exit");
    machine->run->returns_at_once = 0;
}

/* Lets the machine execute another program. */
static void prepare(const struct machine *machine, const char *program, uint64_t x0, uint64_t x1)
{
    complete_exit(machine);
    const uint64_t places[] = {0, 1, 2, 3, KVM_PLACE_PC};
    const uint64_t values[] = {x0, x1, DEVICE, DOORBELL, RAM + (uint64_t)(program - guest_touch)};
    for (int i = 0; i < 5; i++) {
        const struct kvm_register change = {KVM_REGISTER(places[i]), (uint64_t)&values[i]};
        operate(machine->processor, KVM_SET_REGISTER, &change, "set a register");
    }
}

static long make_event(void)
{
    long event = system_call3(SYS_eventfd2, 0, 0, 0);
    if (event < 0)
        fail("make an event");
    return event;
}

/* Returns how often the event was signalled since the last wait. */
static uint64_t wait_for(long event)
{
    uint64_t count;
    if (system_call3(SYS_read, event, (long)&count, sizeof count) != sizeof count)
        fail("wait for an event");
    return count;
}

static void signal(long event)
{
    const uint64_t count = 1;
    if (system_call3(SYS_write, event, (long)&count, sizeof count) != sizeof count)
        fail("signal an event");
}

static void bind_doorbell(const struct machine *machine, long event, uint32_t flags)
{
    const struct kvm_store_event binding = {
        .address = DOORBELL, .size = 4, .event = (uint32_t)event, .flags = flags,
    };
    operate(machine->file, KVM_BIND_STORE, &binding, "bind an event to stores");
}

static void end(const char *name, uint64_t count)
{
    mark_end();
    struct pair pairs[] = {{name, count}, {0, 0}};
    write_pairs("primitive: ", pairs);
}

/* Fails unless the guest has stored a zero into each of its pages. */
static void check_pages(const struct machine *machine)
{
    for (long page = 1; page < PAGES; page++)
        if (machine->memory[page * PAGE] != 0)
            fail("touch each page");
}

static void measure_memory(const struct machine *machine, const struct machine *other)
{
    prepare(machine, guest_touch, RAM + PAGE, PAGES - 1);
    run(machine);
    for (int turn = 0; turn < 2; turn++) {
        if (turn == 1)
            mark_begin();
        for (long page = 1; page < PAGES; page++)
            if (system_call3(SYS_madvise, (long)machine->memory + page * PAGE, PAGE, MADV_DONTNEED) != 0)
                fail("take a page away");
        if (turn == 1)
            end("memory.revoke ", PAGES - 1);
        touch_memory(machine);
        prepare(machine, guest_touch, RAM + PAGE, PAGES - 1);
        if (turn == 1)
            mark_begin();
        run(machine);
    }
    end("fault.page-in ", PAGES - 1);
    check_pages(machine);
    prepare(other, guest_read, LENT, 0);
    for (int i = -WARM_UP; i < TURNS; i++) {
        if (i == 0)
            mark_begin();
        set_region(other, 1, LENT, PAGE, machine->memory + PAGE);
        run(other);
        set_region(other, 1, LENT, 0, machine->memory + PAGE);
    }
    end("memory.lend ", TURNS);
}

static void measure_exits(const struct machine *machine, const struct machine *other)
{
    prepare(machine, guest_leave, 0, 0);
    prepare(other, guest_leave, 0, 0);
    for (int i = -WARM_UP; i < TURNS; i++) {
        if (i == 0)
            mark_begin();
        run(machine);
        run(other);
    }
    end("switch ", 2 * TURNS);
    for (int i = -WARM_UP; i < TURNS; i++) {
        if (i == 0)
            mark_begin();
        run(machine);
        memcpy(other->memory + PAGE, machine->memory + PAGE, PAGE);
    }
    end("copy.4096 ", TURNS);
    mark_begin();
    for (int i = 0; i < TURNS; i++)
        memcpy(other->memory + PAGE, machine->memory + PAGE, PAGE);
    end("copy.alone.4096 ", TURNS);
}

static void measure_events(const struct machine *machine)
{
    long event = make_event();
    prepare(machine, guest_leave, 0, 0);
    for (int i = -WARM_UP; i < TURNS; i++) {
        if (i == 0)
            mark_begin();
        run(machine);
        signal(event);
    }
    end("event.by-monitor ", TURNS);
    for (int i = -WARM_UP; i < TURNS; i++) {
        if (i == 0)
            mark_begin();
        bind_doorbell(machine, event, 0);
        bind_doorbell(machine, event, KVM_UNBIND_STORE);
    }
    end("event.bind ", TURNS);
    wait_for(event);
    bind_doorbell(machine, event, 0);
    prepare(machine, guest_ring, DOORBELL, WARM_UP);
    run(machine);
    prepare(machine, guest_ring, DOORBELL, TURNS);
    mark_begin();
    run(machine);
    end("event.send ", TURNS);
    if (wait_for(event) != WARM_UP + TURNS)
        fail("signal an event by each store");
    prepare(machine, guest_answer, DISTRIBUTOR, 0);
    run(machine);
    const struct kvm_line line = {KVM_INTERRUPT_IS_SHARED | INTERRUPT, 1};
    for (int i = -WARM_UP; i < TURNS; i++) {
        if (i == 0)
            mark_begin();
        operate(machine->file, KVM_SET_LINE, &line, "raise an interrupt");
    }
    end("interrupt.inject ", TURNS);
    /* The answer ends in this process once the doorbell is no event any more. */
    bind_doorbell(machine, event, KVM_UNBIND_STORE);
    run(machine);
    if (machine->run->address != DOORBELL)
        fail("deliver the interrupt");
}

/* Runs a machine that answers events, and signals `answer` once when it is ready. */
__attribute__((noreturn)) static void be_peer(long question, long answer)
{
    struct machine machine;
    make_machine(&machine);
    bind_doorbell(&machine, answer, 0);
    const struct kvm_interrupt_event binding = {.event = (uint32_t)question, .interrupt = INTERRUPT - FIRST_SHARED};
    operate(machine.file, KVM_BIND_INTERRUPT, &binding, "bind an event to an interrupt");
    prepare(&machine, guest_answer, DISTRIBUTOR, 0);
    run(&machine);
    signal(answer);
    run(&machine);
    fail("wait for interrupts");
}

static void measure_round_trip(void)
{
    long question = make_event(), answer = make_event();
    long peer = fork_process();
    if (peer == 0)
        be_peer(question, answer);
    wait_for(answer);
    for (int i = -WARM_UP; i < TURNS; i++) {
        if (i == 0)
            mark_begin();
        signal(question);
        wait_for(answer);
    }
    end("event.round-trip ", TURNS);
    system_call3(SYS_kill, peer, SIGKILL, 0);
    system_call6(SYS_wait4, peer, 0, 0, 0, 0, 0);
}

__attribute__((used, noreturn)) static void start(void)
{
    struct machine machine, other;
    kvm = system_call6(SYS_openat, AT_FDCWD, (long)"/dev/kvm", O_RDWR, 0, 0, 0);
    if (kvm < 0)
        fail("open /dev/kvm");
    measure_round_trip();
    make_machine(&machine);
    make_machine(&other);
    measure_memory(&machine, &other);
    measure_exits(&machine, &other);
    measure_events(&machine);
    exit_process(0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "mov    x29, xzr\n"
        "mov    x30, xzr\n"
        "b      start\n");
