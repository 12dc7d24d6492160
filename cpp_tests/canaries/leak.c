/* A block is forgotten. */
#include <stdlib.h>

static void forget(void) {
    volatile char *block = malloc(40);
    block[0] = 1;
}

int main(void) {
    forget();
    return 0;
}
