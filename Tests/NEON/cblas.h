// Stands in for OpenBLAS, which the portable set calls: one plain product.
#pragma once

enum CBLAS_ORDER { CblasRowMajor = 101 };
enum CBLAS_TRANSPOSE { CblasNoTrans = 111 };

void openblas_set_num_threads(int threads);
void cblas_sgemm(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, int rows, int columns, int depth,
                 float alpha, const float *a, int a_stride, const float *b, int b_stride, float beta, float *c,
                 int c_stride);
