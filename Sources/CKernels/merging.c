// A product that changes weights before they are packed. It runs once a tensor at loading, in the checkpoint's own
// order, so it leaves the work to OpenBLAS instead of packing what is used once.
#include "kernels.h"
#include <cblas.h>

void limn_add_product(long rows, long columns, long depth, float scale, const float *left, const float *right,
                      float keep, float *result) {
    // One thread: the same additions in the same order on every run.
    openblas_set_num_threads(1);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)columns, (int)depth, scale, left, (int)depth,
                right, (int)columns, keep, result, (int)columns);
}
