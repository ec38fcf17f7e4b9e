/* A plugin of QEMU that counts the executed instructions of the whole board.

       -plugin instructions.so,output=FILE

   The file is one word of 64 bits, which the plugin maps, so that the tool reads the present number at any moment and
   the end of QEMU loses nothing. An instruction that faults counts again when it is repeated. The count is exact as
   long as one thread of the host executes all cores, as it does under -icount. */
#include "../Entries/plugin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

PLUGIN_EXPORT int qemu_plugin_version = 1;

static uint64_t *count;

static void instrument(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(
        block, QEMU_PLUGIN_INLINE_ADD_U64, count, qemu_plugin_tb_n_insns(block));
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "output=", 7) != 0)
            continue;
        int file = open(argv[i] + 7, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (file < 0 || ftruncate(file, sizeof *count) != 0)
            return -1;
        void *place = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (place != MAP_FAILED)
            count = place;
    }
    if (count == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, instrument);
    return 0;
}
