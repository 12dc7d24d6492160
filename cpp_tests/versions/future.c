/* A newer library, as far as calls_future.c is linked with it. */
#include <ndferry.h>

const char *ndf_version_string(void) { return "of the future"; }
int32_t ndf_from_the_future(void) { return 7; }
