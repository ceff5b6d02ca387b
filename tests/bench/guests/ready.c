/* Prints one line and sleeps for ever: what sleeper.wat is to wasmlet, for a runtime of native code. */
#include <unistd.h>

int main(void) {
    if (write(1, "ready\n", 6) != 6) return 1;
    for (;;) pause();
}
