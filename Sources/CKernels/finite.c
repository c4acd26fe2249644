#include <string.h>

#include "limn_kernels.h"

// An exponent of all ones is an infinity or no number. Blocks are long enough for
// vectors, and short enough to stop early.
enum { BLOCK = 4096 };

static int special_16(const char *x, long count, uint16_t exponent) {
    uint16_t found = 0;
    for (long i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, x + 2 * i, 2);
        found |= (uint16_t) - ((bits & exponent) == exponent);
    }
    return found != 0;
}

static int special_32(const char *x, long count) {
    uint32_t found = 0;
    for (long i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + 4 * i, 4);
        found |= (uint32_t) - ((bits & 0x7F800000) == 0x7F800000);
    }
    return found != 0;
}

bool limn_stored_is_finite(limn_stored stored, const void *x, long count) {
    const char *bytes = x;
    for (long start = 0; start < count; start += BLOCK) {
        long length = count - start < BLOCK ? count - start : BLOCK;
        int found = stored == LIMN_STORED_F32 ? special_32(bytes + 4 * start, length)
            : stored == LIMN_STORED_F16       ? special_16(bytes + 2 * start, length, 0x7C00)
                                              : special_16(bytes + 2 * start, length, 0x7F80);
        if (found) return false;
    }
    return true;
}
