// Any other CPU: what the compiler's baseline gives, and OpenBLAS, which looks at the CPU itself, for products.
#define LANES 4
#define PANEL 64
#define MICRO_ROWS 6
#define PRODUCT_THROUGH_BLAS
#include "operations/table.h"
const limn_kernels limn_kernels_portable = KERNEL_TABLE("portable");
