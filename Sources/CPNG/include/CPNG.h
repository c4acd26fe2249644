// The smallest shim over libpng: libpng reports errors with longjmp, which must not cross Swift frames, so every
// call that can fail is wrapped here, and a failure comes back as `false` and a message.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Reads one file from front to back: header, pixels or not, end.
typedef struct cpng_reader cpng_reader;

/// What the pixels will be: 8 bits a channel, interleaved, 1 (grey), 3 (RGB) or 4 (RGBA) channels.
typedef struct {
    uint32_t width;
    uint32_t height;
    int32_t channels;
} cpng_header;

/// Why a call failed.
typedef enum {
    cpng_failure_damaged,   // what libpng says is in the message
    cpng_failure_truncated, // the file ends early
    cpng_failure_input,     // the operating system could not read; errno is in cpng_reader_errno
    cpng_failure_memory,    // more memory than there is
    cpng_failure_limit,     // more memory than the limit allows
} cpng_failure;

/// Takes over the descriptor, which is closed with the reader, or at once if NULL is returned (no memory).
/// `memory_limit` is in bytes and covers all that libpng allocates; pixels are the caller's.
/// Text chunks are kept when `keeps_text` is set, and Exif data (eXIf) otherwise; all other metadata is skipped.
cpng_reader *cpng_reader_open(int descriptor, bool keeps_text, size_t memory_limit);
/// The same for a file in memory, which is copied. NULL if there is no memory.
cpng_reader *cpng_reader_open_bytes(const uint8_t *bytes, size_t count, bool keeps_text, size_t memory_limit);
void cpng_reader_close(cpng_reader *reader);

bool cpng_reader_read_header(cpng_reader *reader, cpng_header *header);
/// Writes height rows of `row_bytes` = width · channels bytes. After the header, once.
bool cpng_reader_read_pixels(cpng_reader *reader, uint8_t *pixels, size_t row_bytes);
/// Reads to the end of the file, checking each chunk's CRC. After the header, with the pixels read or not.
bool cpng_reader_read_end(cpng_reader *reader);

cpng_failure cpng_reader_failure(const cpng_reader *reader);
const char *cpng_reader_message(const cpng_reader *reader);
int cpng_reader_errno(const cpng_reader *reader);

/// After cpng_reader_read_end: the Exif data, which lives as long as the reader; NULL if there is none.
const uint8_t *cpng_reader_exif(cpng_reader *reader, size_t *count);

/// After cpng_reader_read_end: the text chunks in the order of the file; the pointers live as long as the reader.
size_t cpng_reader_text_count(cpng_reader *reader);
typedef struct {
    const char *keyword; // Latin-1, ends in NUL
    const char *text;
    size_t count; // bytes of text
    bool is_utf8; // iTXt; Latin-1 otherwise
} cpng_text;
cpng_text cpng_reader_text(cpng_reader *reader, size_t index);

/// Builds a PNG in memory: open, any number of chunks, pixels, bytes, close.
typedef struct cpng_writer cpng_writer;

/// NULL if there is no memory.
cpng_writer *cpng_writer_open(uint32_t width, uint32_t height, int32_t channels, int32_t compression_level);
void cpng_writer_close(cpng_writer *writer);

/// `type` is the chunk's four letters.
bool cpng_writer_add_chunk(cpng_writer *writer, const char *type, const uint8_t *bytes, size_t count);
bool cpng_writer_add_pixels(cpng_writer *writer, const uint8_t *pixels, size_t row_bytes);
/// The finished file; lives as long as the writer.
const uint8_t *cpng_writer_bytes(const cpng_writer *writer, size_t *count);
const char *cpng_writer_message(const cpng_writer *writer);

#ifdef __cplusplus
}
#endif
