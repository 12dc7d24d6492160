// Numbers become float64 and integers of 64 bits, or uint32.
#include "convert.h"

CONVERT(to_wide, ToWide, u64, 32)
