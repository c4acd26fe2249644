#include "CSentencePiece.h"

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <sentencepiece_processor.h>
#include <string_view>

struct csp_model {
    sentencepiece::SentencePieceProcessor processor;
};

static void report(char *message, size_t capacity, const char *what) {
    if (message && capacity > 0) std::snprintf(message, capacity, "%s", what);
}

// The library throws little itself, but the standard library and its trie builder do.
template <typename Result, typename Body>
static Result guarded(Result otherwise, Body body) noexcept {
    try {
        return body();
    } catch (...) {
        return otherwise;
    }
}

csp_model *csp_open(const void *bytes, size_t count, bool *lacks_memory, char *message, size_t capacity) {
    *lacks_memory = false;
    try {
        auto model = std::make_unique<csp_model>();
        const auto status = model->processor.LoadFromSerializedProto(
            std::string_view(static_cast<const char *>(bytes), count));
        if (status.ok()) return model.release();
        report(message, capacity, status.ToString().c_str());
    } catch (const std::bad_alloc &) {
        *lacks_memory = true;
    } catch (const std::exception &error) {
        report(message, capacity, error.what());
    } catch (...) {
        report(message, capacity, "unknown failure");
    }
    return nullptr;
}

void csp_close(csp_model *model) { delete model; }

static bool holds(const csp_model *model, size_t id) {
    return model && id < static_cast<size_t>(model->processor.GetPieceSize());
}

size_t csp_count(const csp_model *model) {
    return guarded<size_t>(0, [&] { return model ? static_cast<size_t>(model->processor.GetPieceSize()) : 0; });
}

const char *csp_piece(const csp_model *model, size_t id, size_t *length) {
    return guarded<const char *>(nullptr, [&]() -> const char * {
        if (!holds(model, id)) return nullptr;
        const auto &piece = model->processor.IdToPiece(static_cast<int>(id));
        *length = piece.size();
        return piece.data();
    });
}

float csp_score(const csp_model *model, size_t id) {
    return guarded<float>(0, [&] { return holds(model, id) ? model->processor.GetScore(static_cast<int>(id)) : 0.0f; });
}
