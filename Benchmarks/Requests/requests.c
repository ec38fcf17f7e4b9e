/* A plugin of QEMU that counts how often each instruction of the board's RAM is executed, between two marks that a
   program in a machine sets. A mark is an instruction HINT that has no meaning: HINT #112 begins a measurement, and HINT
   #113 ends it. The plugin also keeps the sequence of regions of RAM in which the cores execute, so that one can follow a
   request from part to part.

   Arguments: output=FILE, and region=START:END for each region, in bytes from the start of RAM. Code outside of all
   regions belongs to region 0. The first region in the arguments has the number 1.

   The output has one record for each measurement, in words of 64 bits: the magic number, the number of pairs and of
   changes, then the pairs (offset of the instruction in RAM in bits 0 to 31 and its code above, number of executions),
   and then the changes (in bits 0 to 7 the region, or 255 if the core has woken from a WFI and goes on in its region; in
   bits 8 to 15 the core; in bits 16 to 63 the instructions that this core had executed before). `RequestRecords.swift`
   reads it. An instruction that faults counts again when it is repeated.

   The counts are exact as long as one thread of the host executes all cores, as it does under -icount. */
#include "../Entries/plugin.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_SIZE = 4096, WORDS_PER_PAGE = PAGE_SIZE / 4, MAXIMUM_PAGES = 1 << 20 };
enum { MAXIMUM_REGIONS = 200, WOKEN = 255, MAXIMUM_CORES = 8, MAXIMUM_CHANGES = 1 << 17 };
enum { WAIT = 0xD503207F, ENDS_IN_WAIT = 1 << 15 };
enum { MARK_BEGIN = 0xD503201F | 112 << 5, MARK_END = 0xD503201F | 113 << 5 };

/* The executions of each instruction of a page, and the instructions as they were translated last. */
struct page {
    uint64_t counts[WORDS_PER_PAGE];
    uint32_t codes[WORDS_PER_PAGE];
};

struct core {
    uint64_t executed;
    uint32_t region;
    int waits;
};

PLUGIN_EXPORT int qemu_plugin_version = 1;

static struct page *pages[MAXIMUM_PAGES];
static uint32_t used_pages[MAXIMUM_PAGES], used_page_count;
static uint64_t region_starts[MAXIMUM_REGIONS], region_ends[MAXIMUM_REGIONS];
static uint32_t region_count = 1;
static struct core cores[MAXIMUM_CORES];
static uint64_t changes[MAXIMUM_CHANGES], change_count;
static int is_measuring;
static const char *ram;
static FILE *output;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Returns the counter of the instruction `code` at `offset` in RAM, or NULL if it lies elsewhere. */
static uint64_t *find_counter(uint64_t offset, uint32_t code)
{
    uint64_t number = offset / PAGE_SIZE;
    if (number >= MAXIMUM_PAGES)
        return NULL;
    if (pages[number] == NULL) {
        pages[number] = calloc(1, sizeof *pages[number]);
        used_pages[used_page_count++] = (uint32_t)number;
    }
    pages[number]->codes[offset % PAGE_SIZE / 4] = code;
    return &pages[number]->counts[offset % PAGE_SIZE / 4];
}

static uint32_t find_region(uint64_t offset)
{
    for (uint32_t region = 1; region < region_count; region++)
        if (offset >= region_starts[region] && offset < region_ends[region])
            return region;
    return 0;
}

static void begin(unsigned vcpu, void *data)
{
    (void)vcpu, (void)data;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < used_page_count; i++)
        memset(pages[used_pages[i]]->counts, 0, sizeof pages[used_pages[i]]->counts);
    change_count = 0;
    is_measuring = 1;
    pthread_mutex_unlock(&lock);
}

static void write_word(uint64_t word)
{
    fwrite(&word, sizeof word, 1, output);
}

/* Returns the number of instructions that were executed at least once. Writes their pairs if asked to. */
static uint64_t write_pairs(int is_writing)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < used_page_count; i++)
        for (uint32_t word = 0; word < WORDS_PER_PAGE; word++) {
            const struct page *page = pages[used_pages[i]];
            if (page->counts[word] == 0)
                continue;
            count++;
            if (is_writing) {
                write_word(((uint64_t)used_pages[i] * PAGE_SIZE + word * 4) | (uint64_t)page->codes[word] << 32);
                write_word(page->counts[word]);
            }
        }
    return count;
}

static void end(unsigned vcpu, void *data)
{
    (void)vcpu, (void)data;
    pthread_mutex_lock(&lock);
    if (is_measuring) {
        is_measuring = 0;
        write_word(0x3154534555514552);  /* "REQUEST1" */
        write_word(write_pairs(0));
        write_word(change_count);
        write_pairs(1);
        fwrite(changes, sizeof changes[0], change_count, output);
        fflush(output);
    }
    pthread_mutex_unlock(&lock);
}

static void note_change(unsigned vcpu, uint32_t region)
{
    if (is_measuring && change_count < MAXIMUM_CHANGES)
        changes[change_count++] = cores[vcpu].executed << 16 | vcpu << 8 | region;
    cores[vcpu].region = region;
}

/* Notes the beginning of a block. `data` has its number of instructions in bits 0 to 14, ENDS_IN_WAIT, and its region
   from bit 16 on. A WFI that traps is followed by a block of another region. */
static void note_block(unsigned vcpu, void *data)
{
    vcpu %= MAXIMUM_CORES;
    struct core *core = &cores[vcpu];
    uint32_t region = (uint32_t)((uintptr_t)data >> 16);
    if (core->waits && region == core->region)
        note_change(vcpu, WOKEN);
    if (region != core->region)
        note_change(vcpu, region);
    core->waits = ((uintptr_t)data & ENDS_IN_WAIT) != 0;
    core->executed += (uintptr_t)data & (ENDS_IN_WAIT - 1);
}

static void instrument(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    size_t length = qemu_plugin_tb_n_insns(block);
    pthread_mutex_lock(&lock);
    uint32_t last;
    memcpy(&last, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, length - 1)), sizeof last);
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        const char *address = qemu_plugin_insn_haddr(instruction);
        /* QEMU's boot code runs first, and lies at the start of RAM. */
        if (ram == NULL)
            ram = address;
        uint64_t offset = (uint64_t)(address - ram);
        uint32_t code;
        memcpy(&code, qemu_plugin_insn_data(instruction), sizeof code);
        uint64_t *counter = find_counter(offset, code);
        if (i == 0)
            qemu_plugin_register_vcpu_tb_exec_cb(
                block, note_block, QEMU_PLUGIN_CB_NO_REGS,
                (void *)((uintptr_t)find_region(offset) << 16 | (last == WAIT ? ENDS_IN_WAIT : 0) | (uintptr_t)length));
        if (counter != NULL)
            qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64, counter, 1);
        if (code == MARK_BEGIN || code == MARK_END)
            qemu_plugin_register_vcpu_insn_exec_cb(
                instruction, code == MARK_BEGIN ? begin : end, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
    pthread_mutex_unlock(&lock);
}

static int add_region(const char *text)
{
    char *rest;
    if (region_count == MAXIMUM_REGIONS)
        return -1;
    region_starts[region_count] = strtoull(text, &rest, 0);
    if (*rest != ':')
        return -1;
    region_ends[region_count++] = strtoull(rest + 1, NULL, 0);
    return 0;
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "output=", 7) == 0)
            output = fopen(argv[i] + 7, "wb");
        if (strncmp(argv[i], "region=", 7) == 0 && add_region(argv[i] + 7) != 0)
            return -1;
    }
    if (output == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, instrument);
    return 0;
}
