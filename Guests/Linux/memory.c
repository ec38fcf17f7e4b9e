/* The work on memory that `workload.c` measures, beside `touch_pages`. */
#include "linux.h"
#include "output.h"
#include "work.h"

enum { PAGE_SIZE = 4096, COPIED_PAGES = 64, WALKED_PAGES = 4096 };

static char *map_pages(uint64_t count)
{
    long area = system_call6(SYS_mmap, 0, (long)(count * PAGE_SIZE), PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    if (area < 0)
        fail("map memory");
    /* Otherwise one entry of the TLB could serve 512 pages. A kernel without huge pages refuses, with the same effect. */
    system_call3(SYS_madvise, area, (long)(count * PAGE_SIZE), MADV_NOHUGEPAGE);
    for (uint64_t i = 0; i < count; i++)
        ((volatile char *)area)[i * PAGE_SIZE] = 1;
    return (char *)area;
}

/* Copies a page by pairs of 64-bit registers, 32 bytes in a turn. */
static void copy_page(char *to, const char *from)
{
    const char *end = from + PAGE_SIZE;
    __asm__ volatile(
        "1:\n"
        "ldp    x9, x10, [%[from]], #16\n"
        "ldp    x11, x12, [%[from]], #16\n"
        "stp    x9, x10, [%[to]], #16\n"
        "stp    x11, x12, [%[to]], #16\n"
        "cmp    %[from], %[end]\n"
        "b.ne   1b\n"
        : [from] "+r"(from), [to] "+r"(to)
        : [end] "r"(end)
        : "x9", "x10", "x11", "x12", "cc", "memory");
}

void copy_pages(uint64_t count)
{
    static char *area;
    if (area == NULL)
        area = map_pages(2 * COPIED_PAGES);
    for (uint64_t i = 0; i < count; i++)
        copy_page(area + i % COPIED_PAGES * PAGE_SIZE, area + (COPIED_PAGES + i % COPIED_PAGES) * PAGE_SIZE);
}

void walk_pages(uint64_t count)
{
    static const volatile char *area;
    if (area == NULL)
        area = map_pages(WALKED_PAGES);
    /* The step is odd, so that each page comes once before any page comes again. */
    for (uint64_t i = 0; i < count; i++)
        (void)area[i * 1597 % WALKED_PAGES * PAGE_SIZE];
}
