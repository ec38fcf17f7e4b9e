/* The marks by which a program tells the plugin in Benchmarks/Requests that a measurement begins or ends. */
#pragma once

static inline void mark_begin(void)
{
    __asm__ volatile("hint #112" ::: "memory");
}

static inline void mark_end(void)
{
    __asm__ volatile("hint #113" ::: "memory");
}
