/* The record of a plugin in a file that is mapped, so that the tool reads it at any moment and the end of QEMU loses
   nothing. The emulator is usually killed. */
#pragma once
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Returns `size` bytes of zeros, which the file in the plugin's argument output=FILE holds, or NULL if it cannot. */
static inline void *map_record(int argc, char **argv, size_t size)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "output=", 7) != 0)
            continue;
        int file = open(argv[i] + 7, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (file < 0 || ftruncate(file, (off_t)size) != 0)
            return NULL;
        void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        return place == MAP_FAILED ? NULL : place;
    }
    return NULL;
}
