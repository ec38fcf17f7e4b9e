/* The pieces of everyday work of an operating system that `workload.c` measures. Each function does its work `count`
   times, and ends the process by `fail` if Linux refuses an operation. */
#pragma once
#include <stdint.h>

/* The file of this program, which `spawn_self` starts with the argument `exit`. */
extern char *program_path;

/* Binds this process to a processor, from 0 on. */
void bind_to_processor(int processor);
/* Waits for a process that must end without an error. */
void wait_for(long process);

/* Turns of 100 instructions. */
void run_loop(uint64_t count);
void call_getppid(uint64_t count);
void fork_and_exit(uint64_t count);
void spawn_self(uint64_t count);
/* First touches of pages, in one mapping. */
void touch_pages(uint64_t count);
/* Copies of 4 KiB, within 512 KiB. */
void copy_pages(uint64_t count);
/* Loads, each from another page than the loads before, of 16 MiB that are mapped by small pages. */
void walk_pages(uint64_t count);
/* Round trips of a byte between two processes by two pipes. In the second function, the other process runs on
   processor 1. */
void play_ping_pong(uint64_t count);
void play_across_processors(uint64_t count);

/* Files in /tmp: creation and removal of a file, and writes and reads of 4 KiB within 1 MiB. The first function makes
   the folder. */
void prepare_files(void);
void create_files(uint64_t count);
void write_file(uint64_t count);
void read_file(uint64_t count);
/* Reads and writes of 4 KiB of the disk /dev/vda past Linux's cache, at places of its first 8 MiB that differ, and the
   same with an fsync behind each write. The first function makes the disk's device. */
void prepare_disk(void);
void read_disk(uint64_t count);
void write_disk(uint64_t count);
void sync_disk(uint64_t count);
