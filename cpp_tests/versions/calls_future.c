/* Calls a function that only a newer library has, and never comes back. */
#include <ndferry.h>
#include <stdio.h>

int main(void) {
    printf("compiled with ABI %d, meets ndferry %s\n", NDF_ABI_VERSION, ndf_version_string());
    fflush(stdout);
    return ndf_from_the_future() == 7 ? 0 : 1;
}
