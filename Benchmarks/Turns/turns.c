/* A plugin of QEMU that ends the turn of a core after some instructions, so that the other cores have theirs.

       -plugin turns.so,instructions=NUMBER

   Under -icount one thread of the host executes the cores in turns, and a turn has all instructions until the next timer.
   A core that polls for another core's answer, without an instruction that ends its turn (WFI, WFE, YIELD), uses them up.
   Nothing is left for the others, and the timer's next period begins with the same core again, without end. The plugin
   counts executed instructions only, so a run still repeats exactly.

   The plugin interface has no function for this. The two that are declared here belong to QEMU's program, which exports
   them to its modules (include/hw/core/cpu.h). */
#include "../Entries/plugin.h"

#include <stdlib.h>
#include <string.h>

struct CPUState;

extern struct CPUState *qemu_get_cpu(int index);
/* Lets the core leave its loop of execution before its next block of instructions. */
extern void cpu_exit(struct CPUState *);

PLUGIN_EXPORT int qemu_plugin_version = 1;

static uint64_t turn, left;

/* Counts a block that begins. `data` is the number of its instructions. */
static void count_block(unsigned vcpu, void *data)
{
    uint64_t length = (uintptr_t)data;
    if (left > length) {
        left -= length;
        return;
    }
    left = turn;
    cpu_exit(qemu_get_cpu((int)vcpu));
}

static void instrument(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(
        block, count_block, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "instructions=", 13) == 0)
            turn = strtoull(argv[i] + 13, NULL, 10);
    if (turn == 0)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, instrument);
    return 0;
}
