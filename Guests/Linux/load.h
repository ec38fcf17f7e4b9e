#pragma once
/* Starts processes that keep the machine busy for ever: computing, memory, processes, pipes, timers, console output.
   `path` is this program, which exits at once when its argument is "exit". */
void start_load(char *path);
