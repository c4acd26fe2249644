// What Tokenizers needs of libsentencepiece, as C: open a model that is in memory and read its vocabulary.
// No function throws; every pointer returned lives as long as the model.
#ifndef CSENTENCEPIECE_H
#define CSENTENCEPIECE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct csp_model csp_model;

/// Parses and checks a serialized model. On failure returns NULL and says whether memory was lacking, or else writes
/// why into `message` (at most `capacity` bytes, the closing NUL included).
csp_model *csp_open(const void *bytes, size_t count, bool *lacks_memory, char *message, size_t capacity);
void csp_close(csp_model *model);

/// How many pieces the vocabulary has.
size_t csp_count(const csp_model *model);

/// The UTF-8 bytes of piece `id`, not NUL-terminated; NULL when there is no such piece.
const char *csp_piece(const csp_model *model, size_t id, size_t *length);

/// The logarithm of the probability of piece `id`; 0 when there is no such piece.
float csp_score(const csp_model *model, size_t id);

#ifdef __cplusplus
}
#endif

#endif
