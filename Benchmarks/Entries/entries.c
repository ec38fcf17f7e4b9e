/* A plugin of QEMU that counts the instructions of each entry into the kernel, from the exception vector to the ERET.
   Interrupts are off all that time, so an interrupt may have to wait for the longest entry.

   The plugin counts the instructions that a core spends spinning for the kernel's lock separately, because another
   core causes them. If the emulator runs each core on a thread of the host, the host causes them.

   Arguments: functions=FILE (UInt32 offsets of the kernel's functions in its image, ascending, the end of its text
   last), vectors=OFFSET (of the exception vectors), output=FILE. The output is a `struct output`. It is a mapped file
   and always current, because the emulator is usually killed. `EntryRecords.swift` reads it.

   On a board with several cores, the plugin also counts for each core the interrupts and the instructions that they
   take from that core. Under -icount the cores take turns on one thread of the host, and the sum of their
   instructions is the virtual time.

   The plugin instruments only the kernel's instructions, and with several cores also tenants' blocks. It finds the
   kernel by its position in the board's RAM, because machines use the same virtual addresses: QEMU's boot code runs
   first, at the start of RAM, and the kernel's first instruction follows. */
#include "plugin.h"
#include "record.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest turn of a spin loop. */
enum { MAXIMUM_TURN = 32 };

/* Instructions of all cores together: a millisecond of virtual time under -icount shift=0. */
enum { MILLISECOND = 1000000 };

enum { MAXIMUM_FUNCTIONS = 2048, MAXIMUM_CORES = 8, PART_COUNT = 64, PATH_COUNT = 2048, OCTAVE_COUNT = 32 };

/* The beginning of an entry. WAKE: an interrupt ended the kernel's own WFI. */
enum kind { KIND_START, KIND_SYNCHRONOUS, KIND_INTERRUPT, KIND_ERROR, KIND_WAKE, KIND_COUNT };

/* All entries with the same beginning that went through the same functions. */
struct path {
    uint64_t hash, kind, count, total, longest;
    /* The longest wait for the lock, which `total` and `longest` do not contain. */
    uint64_t longest_wait;
    /* Each function of the longest entry, and its instructions. */
    uint64_t part_count;
    struct {
        uint32_t function, instructions;
    } parts[PART_COUNT];
};

/* One core of a board with several. */
struct core_record {
    /* The core's instructions, in the kernel (waits for the lock included) and in tenants. */
    uint64_t inside, outside;
    /* Entries that an interrupt began while a tenant ran, and their instructions. */
    uint64_t interrupts, interrupt_instructions;
    /* The most interrupts within a millisecond of virtual time. */
    uint64_t most_interrupts;
    /* The most instructions of consecutive entries without a tenant's instruction in between, one of which an interrupt
       began: that interrupt waited no longer. */
    uint64_t longest_run;
};

struct output {
    uint64_t magic;
    uint64_t dropped;
    uint64_t octaves[KIND_COUNT][OCTAVE_COUNT];
    struct path paths[PATH_COUNT];
    struct core_record cores[MAXIMUM_CORES];
};

struct core {
    enum kind kind;
    int is_inside;
    uint64_t count, waited;
    /* The instructions of ended entries since a tenant's last instruction. */
    uint64_t run;
    int run_has_interrupt;
    /* The current millisecond, and the interrupts in it. */
    uint64_t millisecond, interrupts;
    struct core_record *record;
    /* The last YIELD, and the value of `count` at that time. */
    const struct instruction *yield;
    uint64_t yielded;
    uint32_t touched[MAXIMUM_FUNCTIONS], touched_count;
    uint32_t instructions[MAXIMUM_FUNCTIONS];
};

struct instruction {
    uint32_t function;
    /* The `kind` of entry that begins at this instruction, or -1. */
    int8_t begins;
    int8_t is_return, is_wait, is_yield;
};

PLUGIN_EXPORT int qemu_plugin_version = 1;

static struct output *output;
static struct core cores[MAXIMUM_CORES];
static uint32_t functions[MAXIMUM_FUNCTIONS + 1], function_count;
static struct instruction *instructions;
static uint64_t vectors;
static const char *boot_code, *kernel;
/* The instructions of all cores. They are exact only under -icount, where one thread of the host runs all cores. */
static uint64_t total;
static int has_several_cores;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void count_total(uint64_t more)
{
    __atomic_store_n(&total, __atomic_load_n(&total, __ATOMIC_RELAXED) + more, __ATOMIC_RELAXED);
}

static void note_interrupt(struct core *core)
{
    uint64_t millisecond = __atomic_load_n(&total, __ATOMIC_RELAXED) / MILLISECOND;
    if (core->millisecond != millisecond) {
        core->millisecond = millisecond;
        core->interrupts = 0;
    }
    core->interrupts++;
    core->run_has_interrupt = 1;
    core->record->interrupts++;
    if (core->interrupts > core->record->most_interrupts)
        core->record->most_interrupts = core->interrupts;
}

static void end_run(struct core *core)
{
    core->run = 0;
    core->run_has_interrupt = 0;
}

static void note_end(struct core *core)
{
    if (core->kind == KIND_START)
        return;
    if (core->kind == KIND_INTERRUPT)
        core->record->interrupt_instructions += core->count;
    core->run += core->count;
    if (core->run_has_interrupt && core->run > core->record->longest_run)
        core->record->longest_run = core->run;
}

static void begin(struct core *core, enum kind kind)
{
    if (kind == KIND_INTERRUPT && has_several_cores)
        note_interrupt(core);
    for (uint32_t i = 0; i < core->touched_count; i++)
        core->instructions[core->touched[i]] = 0;
    core->touched_count = 0;
    core->count = core->waited = 0;
    core->yield = NULL;
    core->kind = kind;
    core->is_inside = 1;
}

static struct path *find_path(const struct core *core)
{
    uint64_t hash = core->kind + 1;
    for (uint32_t i = 0; i < core->touched_count; i++) {
        uint64_t mixed = (core->touched[i] + 1) * 0x9E3779B97F4A7C15;
        hash += mixed ^ mixed >> 29;  /* A sum: the order does not matter. */
    }
    for (uint64_t probe = 0; probe < PATH_COUNT; probe++) {
        struct path *path = &output->paths[(hash + probe) % PATH_COUNT];
        if (path->count == 0) {
            path->hash = hash;
            path->kind = core->kind;
        }
        if (path->hash == hash)
            return path;
    }
    output->dropped++;
    return NULL;
}

/* Handles a YIELD that follows the same one soon: a turn of a spin loop. */
static void spin(struct core *core, const struct instruction *instruction)
{
    uint64_t turn = core->count - core->yielded;
    if (core->yield == instruction && turn <= MAXIMUM_TURN) {
        core->waited += turn;
        core->count -= turn;
        core->instructions[instruction->function] -= (uint32_t)turn;
    }
    core->yield = instruction;
    core->yielded = core->count;
}

static void end(struct core *core)
{
    if (!core->is_inside)
        return;
    core->is_inside = 0;
    if (has_several_cores)
        note_end(core);
    pthread_mutex_lock(&lock);
    output->octaves[core->kind][63 - __builtin_clzll(core->count | 1)]++;
    struct path *path = find_path(core);
    if (path != NULL) {
        path->count++;
        path->total += core->count;
        if (core->waited > path->longest_wait)
            path->longest_wait = core->waited;
        if (core->count > path->longest) {
            path->longest = core->count;
            path->part_count = core->touched_count < PART_COUNT ? core->touched_count : PART_COUNT;
            for (uint32_t i = 0; i < path->part_count; i++) {
                path->parts[i].function = functions[core->touched[i]];
                path->parts[i].instructions = core->instructions[core->touched[i]];
            }
        }
    }
    pthread_mutex_unlock(&lock);
}

static void execute(unsigned vcpu, void *data)
{
    const struct instruction *instruction = data;
    struct core *core = &cores[vcpu % MAXIMUM_CORES];
    if (instruction->begins >= 0)
        begin(core, (enum kind)instruction->begins);
    core->count++;
    if (has_several_cores) {
        core->record->inside++;
        count_total(1);
    }
    if (core->instructions[instruction->function]++ == 0)
        core->touched[core->touched_count++] = instruction->function;
    if (instruction->is_yield)
        spin(core, instruction);
    if (instruction->is_return)
        end(core);
    if (instruction->is_wait) {
        end(core);
        end_run(core);
        begin(core, KIND_WAKE);
    }
}

/* Handles the beginning of a tenant's block with `data` instructions. */
static void execute_tenant(unsigned vcpu, void *data)
{
    struct core *core = &cores[vcpu % MAXIMUM_CORES];
    end_run(core);
    core->record->outside += (uintptr_t)data;
    count_total((uintptr_t)data);
}

static void locate_kernel(const char *address, uint64_t virtual_address)
{
    if (boot_code == NULL)
        boot_code = address;
    else if (kernel == NULL && (uint64_t)(address - boot_code) >= 4096 && virtual_address % 4096 == 0)
        kernel = address;
}

static void instrument(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    size_t length = qemu_plugin_tb_n_insns(block), in_kernel = 0;
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        const char *address = qemu_plugin_insn_haddr(instruction);
        if (kernel == NULL)
            locate_kernel(address, qemu_plugin_insn_vaddr(instruction));
        if (kernel == NULL || address < kernel || address >= kernel + functions[function_count])
            continue;
        in_kernel++;
        struct instruction *record = &instructions[(address - kernel) / 4];
        uint32_t code;
        memcpy(&code, qemu_plugin_insn_data(instruction), sizeof code);
        record->is_return = code == 0xD69F03E0;
        record->is_wait = code == 0xD503207F;
        record->is_yield = code == 0xD503203F;
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, execute, QEMU_PLUGIN_CB_NO_REGS, record);
    }
    if (has_several_cores && kernel != NULL && in_kernel == 0)
        qemu_plugin_register_vcpu_tb_exec_cb(block, execute_tenant, QEMU_PLUGIN_CB_NO_REGS, (void *)length);
}

static int read_functions(const char *path)
{
    int file = open(path, O_RDONLY);
    ssize_t size = read(file, functions, sizeof functions);
    if (size < 8 || size == sizeof functions)
        return -1;
    function_count = (uint32_t)size / 4 - 1;
    instructions = calloc(functions[function_count] / 4 + 1, sizeof *instructions);
    for (uint32_t i = 0; i < function_count; i++)
        for (uint32_t offset = functions[i] / 4; offset < functions[i + 1] / 4; offset++)
            instructions[offset] = (struct instruction){.function = i, .begins = -1};
    return close(file);
}

/* Marks 16 vectors of 128 bytes: 8…11 from AArch64, 12…15 from AArch32; of each four: synchronous, IRQ, FIQ, SError. */
static void mark_beginnings(void)
{
    static const enum kind kinds[] = {KIND_SYNCHRONOUS, KIND_INTERRUPT, KIND_INTERRUPT, KIND_ERROR};
    for (uint64_t vector = 8; vector < 16; vector++)
        instructions[(vectors + vector * 128) / 4].begins = (int8_t)kinds[vector % 4];
    instructions[0].begins = KIND_START;
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    has_several_cores = info->system.maximum_cores > 1;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "functions=", 10) == 0 && read_functions(argv[i] + 10) != 0)
            return -1;
        if (strncmp(argv[i], "vectors=", 8) == 0)
            vectors = strtoull(argv[i] + 8, NULL, 0);
    }
    output = map_record(argc, argv, sizeof *output);
    if (function_count == 0 || output == NULL)
        return -1;
    for (int i = 0; i < MAXIMUM_CORES; i++)
        cores[i].record = &output->cores[i];
    output->magic = 0x3153454952544E45;  /* "ENTRIES1" */
    mark_beginnings();
    qemu_plugin_register_vcpu_tb_trans_cb(id, instrument);
    return 0;
}
