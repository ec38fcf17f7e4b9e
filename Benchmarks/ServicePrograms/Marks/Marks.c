/* The package manager wants a source in each module. */
#include "Marks.h"
