/* A plugin of QEMU that counts how often a core goes from one part of RAM to another. A hypervisor whose code lies in
   parts of its own is entered by exceptions only. So the ways from a guest's parts to it are the exits of the guest,
   whether the hypervisor counts them itself or not.

       -plugin crossings.so,output=FILE

   A part has 2 MiB, and there are 1024 of them. Code beyond the first 2 GiB belongs to the last part. The file has a
   word of 64 bits for each pair of parts: word 1024 × FROM + TO is the number of times that a block of instructions in
   FROM was followed, on the same core, by a block in TO. A way from a part to itself is not counted, nor is an exception
   that comes before the first instruction in FROM. The plugin maps the file, so that the end of QEMU loses nothing.
   `CrossingRecord.swift` reads it.

   The count is exact as long as one thread of the host executes all cores, as it does under -icount. */
#include "../Entries/plugin.h"
#include "../Entries/record.h"

enum { PART_SIZE = 2 << 20, PART_COUNT = 1024, MAXIMUM_CORES = 8 };

PLUGIN_EXPORT int qemu_plugin_version = 1;

struct record {
    uint64_t ways[PART_COUNT][PART_COUNT];
};

static struct record *record;
static uint64_t current[MAXIMUM_CORES];
static const char *ram;

/* Notes the beginning of a block. `data` is its part. */
static void note_block(unsigned vcpu, void *data)
{
    uint64_t part = (uintptr_t)data, *place = &current[vcpu % MAXIMUM_CORES];
    if (part == *place)
        return;
    record->ways[*place][part]++;
    *place = part;
}

static void instrument(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    const char *address = qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(block, 0));
    /* QEMU's boot code runs first, and lies at the start of RAM. */
    if (ram == NULL)
        ram = address;
    uint64_t part = (uint64_t)(address - ram) / PART_SIZE;
    if (part >= PART_COUNT)
        part = PART_COUNT - 1;
    qemu_plugin_register_vcpu_tb_exec_cb(block, note_block, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)part);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    record = map_record(argc, argv, sizeof *record);
    if (record == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, instrument);
    return 0;
}
