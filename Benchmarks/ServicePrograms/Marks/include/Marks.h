/* The marks by which a component tells the plugin in Benchmarks/Requests that a measurement begins or ends, as
   Guests/Linux/marks.h does in a machine. */
#pragma once

static inline __attribute__((always_inline)) void mark_begin(void)
{
    __asm__ volatile("hint #112" ::: "memory");
}

static inline __attribute__((always_inline)) void mark_end(void)
{
    __asm__ volatile("hint #113" ::: "memory");
}
