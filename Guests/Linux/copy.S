// memcpy, with the same instructions as in Entente's components and kernel, so that comparisons of transfers do not
// depend on the way of copying.
#define COPIES_MUCH
#include "../../Kit/Support/AArch64/MemoryFunctions.h"
