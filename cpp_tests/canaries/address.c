/* A byte behind a block is read. */
#include <stdlib.h>

int main(void) {
    volatile char *block = malloc(40);
    return block[40];
}
