/* A store of items of 4 KiB in a process of Linux: the same service as Components/Store. */
#include "servers.h"

static char items[ITEM_COUNT][ITEM_SIZE] __attribute__((aligned(ITEM_SIZE)));
static unsigned char is_present[ITEM_COUNT];

void serve_items(long requests, long answers)
{
    struct item_request request;
    while (transfer_all(SYS_read, requests, &request, sizeof request)) {
        if (request.key >= ITEM_COUNT)
            return;
        if (request.kind == ITEM_PUT) {
            if (!transfer_all(SYS_read, requests, items[request.key], ITEM_SIZE))
                return;
            is_present[request.key] = 1;
        }
        uint64_t answer = is_present[request.key];
        if (!transfer_all(SYS_write, answers, &answer, sizeof answer))
            return;
        if (request.kind == ITEM_GET && answer && !transfer_all(SYS_write, answers, items[request.key], ITEM_SIZE))
            return;
    }
}
