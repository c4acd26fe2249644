// NEON: 4 lanes, a 6×16 tile of sums in 24 of the 32 registers.
#if defined(__aarch64__)
#define LANES 4
#define PANEL 16
#define MICRO_ROWS 6
#include "operations/table.h"
const limn_kernels limn_kernels_neon = KERNEL_TABLE("neon");
#endif
