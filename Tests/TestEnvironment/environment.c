// What the one who runs the tests has set for limn must not reach them: a model or a tokenizer of their own would be
// taken where a test means that there is none. Done before anything runs, for the environment belongs to all threads.
// LIMN_KERNELS stays: it says which kernels to test.
#include "TestEnvironment.h"
#include <stdlib.h>

__attribute__((constructor)) static void forget_settings(void) {
    unsetenv("LIMN_MODEL");
    unsetenv("LIMN_TOKENIZER");
}
