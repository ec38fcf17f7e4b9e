/* A plugin of QEMU that counts the executed instructions of the whole board.

       -plugin instructions.so,output=FILE

   The file has words of 64 bits. The plugin maps it, so that the tool reads it at any moment and the end of QEMU loses
   nothing. Word 0 is the present number, and word 1 the number of marks. A mark is an instruction HINT that has no
   meaning. It adds a word with the number at that time, shifted left by a bit: bit 0 is 0 for HINT #112, which begins a
   measurement, and 1 for HINT #113, which ends it. Marks are dropped when the file is full.

   A block of translated instructions counts when it begins, so that a mark may be some instructions late. An instruction
   that faults counts again when it is repeated. The count is exact as long as one thread of the host executes all cores,
   as it does under -icount. */
#include "../Entries/plugin.h"
#include "../Entries/record.h"

enum { MARK_BEGIN = 0xD503201F | 112 << 5, MARK_END = 0xD503201F | 113 << 5, MAXIMUM_MARKS = 4094 };

PLUGIN_EXPORT int qemu_plugin_version = 1;

struct record {
    uint64_t count, mark_count, marks[MAXIMUM_MARKS];
};

static struct record *record;

/* Adds a mark. `data` is its lowest bit. */
static void add_mark(unsigned vcpu, void *data)
{
    (void)vcpu;
    if (record->mark_count < MAXIMUM_MARKS)
        record->marks[record->mark_count++] = record->count << 1 | (uintptr_t)data;
}

static void instrument(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    size_t length = qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &record->count, length);
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        uint32_t code;
        memcpy(&code, qemu_plugin_insn_data(instruction), sizeof code);
        if (code == MARK_BEGIN || code == MARK_END)
            qemu_plugin_register_vcpu_insn_exec_cb(
                instruction, add_mark, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)(code == MARK_END));
    }
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
