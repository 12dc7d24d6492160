/* An integer goes beyond its largest number. */
#include <limits.h>

int main(int count, char **arguments) {
    (void)arguments;
    volatile int most = INT_MAX;
    return most + count > 0;
}
