/* The work on files and on a disk that `workload.c` measures. */
#include "files.h"
#include "work.h"

enum { BLOCK_SIZE = 4096, FILE_BLOCKS = 256, DISK_BLOCKS = 2048 };
enum { SYS_mkdirat = 34, SYS_unlinkat = 35, SYS_mount = 40, SYS_finit_module = 273 };

static char buffer[BLOCK_SIZE] __attribute__((aligned(BLOCK_SIZE)));

/* Opens a file of this process alone, which has no name any more. */
static long open_temporary_file(void)
{
    static const char digits[] = "0123456789abcdef";
    char path[] = "/tmp/work-00000000";
    unsigned long process = (unsigned long)system_call3(SYS_getpid, 0, 0, 0);
    for (char *digit = path + sizeof path - 2; *digit == '0'; digit--, process /= 16)
        *digit = digits[process % 16];
    long file = open_file(path, O_RDWR | O_CREAT);
    if (file < 0 || system_call3(SYS_unlinkat, AT_FDCWD, (long)path, 0) != 0)
        fail("make a file");
    return file;
}

/* Moves blocks, each at another place than the block before. */
static void move_blocks(long file, enum system_call call, uint64_t count, uint64_t blocks, int is_synchronous)
{
    for (uint64_t i = 0; i < count; i++) {
        long offset = (long)(i * 77 % blocks * BLOCK_SIZE);
        if (system_call6(call, file, (long)buffer, BLOCK_SIZE, offset, 0, 0) != BLOCK_SIZE)
            fail("move a block");
        if (is_synchronous && system_call3(SYS_fsync, file, 0, 0) != 0)
            fail("wait for the disk");
    }
}

void prepare_files(void)
{
    /* An error says that the folder is there. */
    system_call6((enum system_call)SYS_mkdirat, AT_FDCWD, (long)"/tmp", 0777, 0, 0, 0);
}

void create_files(uint64_t count)
{
    while (count-- > 0)
        system_call3(SYS_close, open_temporary_file(), 0, 0);
}

/* Returns a file of 1 MiB, which stays open. */
static long full_file(void)
{
    static long file = -1;
    if (file < 0) {
        file = open_temporary_file();
        move_blocks(file, SYS_pwrite64, FILE_BLOCKS, FILE_BLOCKS, 0);
    }
    return file;
}

void write_file(uint64_t count)
{
    move_blocks(full_file(), SYS_pwrite64, count, FILE_BLOCKS, 0);
}

void read_file(uint64_t count)
{
    move_blocks(full_file(), SYS_pread64, count, FILE_BLOCKS, 0);
}

/* Returns 0 if the driver has no file, because it is a part of Linux's kernel or is not needed. */
static int load_driver(const char *path)
{
    long file = open_file(path, 0);
    if (file < 0)
        return 0;
    if (file_call4(SYS_finit_module, file, (long)"", 0, 0) != 0)
        fail("load a driver");
    system_call3(SYS_close, file, 0, 0);
    return 1;
}

static const char *disk_name = "/dev/vda";

void prepare_disk(void)
{
    /* The file is there in guests of Xen alone. */
    if (load_driver("/lib/xen-blkfront.ko"))
        disk_name = "/dev/xvda";
    load_driver("/lib/virtio_ring.ko");
    load_driver("/lib/virtio.ko");
    load_driver("/lib/virtio_mmio.ko");
    load_driver("/lib/virtio_blk.ko");
    if (system_call6((enum system_call)SYS_mount, (long)"devtmpfs", (long)"/dev", (long)"devtmpfs", 0, 0, 0) != 0)
        fail("mount the devices");
}

static long disk(void)
{
    static long file = -1;
    /* A disk of Xen appears when its back-end has answered. */
    const long pause[2] = {0, 10000000};
    for (int attempt = 0; file < 0 && attempt < 500; attempt++) {
        file = open_file(disk_name, O_RDWR | O_DIRECT);
        if (file < 0)
            system_call3(SYS_nanosleep, (long)pause, 0, 0);
    }
    if (file < 0)
        fail("open the disk");
    return file;
}

void read_disk(uint64_t count)
{
    move_blocks(disk(), SYS_pread64, count, DISK_BLOCKS, 0);
}

void write_disk(uint64_t count)
{
    move_blocks(disk(), SYS_pwrite64, count, DISK_BLOCKS, 0);
}

void sync_disk(uint64_t count)
{
    move_blocks(disk(), SYS_pwrite64, count, DISK_BLOCKS, 1);
}
