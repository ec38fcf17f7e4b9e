/* Work that is divided among several processors. */
#pragma once
#include <stdint.h>

/* Divides `count` turns of `run` among processes, one on each of the first `processors` processors. Each process warms
   up first. They begin together between two marks of `marks.h`, and the second mark follows when the last one has ended
   its share. Returns the time from the first mark to the second one, in ticks of the virtual counter. */
uint64_t measure_crew(void (*run)(uint64_t count), uint64_t count, int processors);
void pause_for(long milliseconds);
