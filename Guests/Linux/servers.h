/* Servers that serve their clients through pipes, each in a process of its own. They end when their requests end. */
#pragma once
#include "linux.h"

enum { ITEM_SIZE = 4096, ITEM_COUNT = 256 };

/* A request for an item. An item follows each request to put one. */
enum item_request_kind { ITEM_HAS = 1, ITEM_PUT, ITEM_GET };
struct item_request {
    uint64_t kind, key;
};

/* Reads or writes all of the bytes. Returns 0 if the other end has gone. */
static inline int transfer_all(enum system_call call, long file, void *bytes, long size)
{
    for (long done = 0, count; done < size; done += count) {
        count = system_call3(call, file, (long)bytes + done, size - done);
        if (count <= 0)
            return 0;
    }
    return 1;
}

/* Serves requests for items. It answers each with a word (1 if the item is there), and with the item itself if it was
   asked for and is there. */
void serve_items(long requests, long answers);
/* Appends all lines that come to a file. */
void serve_lines(long lines, long file);
