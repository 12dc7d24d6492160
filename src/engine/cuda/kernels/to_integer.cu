// Numbers become booleans and integers that int32 holds.
#include "convert.h"

CONVERT(to_integer, ToInteger, u32, 64)
