#include "cblas.h"

void openblas_set_num_threads(int threads) { (void)threads; }

void cblas_sgemm(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE a_turned, enum CBLAS_TRANSPOSE b_turned, int rows,
                 int columns, int depth, float alpha, const float *a, int a_stride, const float *b, int b_stride,
                 float beta, float *c, int c_stride) {
    (void)order, (void)a_turned, (void)b_turned;
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < columns; j++) {
            float sum = 0;
            for (long k = 0; k < depth; k++) sum += a[i * a_stride + k] * b[k * b_stride + j];
            float *to = c + i * c_stride + j;
            *to = alpha * sum + (beta == 0 ? 0 : beta * *to);
        }
}
