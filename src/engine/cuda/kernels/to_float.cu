// Numbers become floats of at most 32 bits.
#include "convert.h"

CONVERT(to_float, ToFloat, u32, 64)
