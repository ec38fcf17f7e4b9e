#include "Hypercall.h"
