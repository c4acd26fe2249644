#include "CPNG.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cpng_reader {
    png_structp png;
    png_infop info;
    FILE *file;
    jmp_buf on_error;
    size_t memory_left;
    png_textp texts;
    uint8_t *bytes; // of a picture in memory
    int passes;
    cpng_failure failure;
    int error_number;
    bool keeps_text;
    char message[192];
};

static void keep_message(cpng_reader *reader, const char *message) {
    snprintf(reader->message, sizeof reader->message, "%s", message ? message : "unknown reason");
}

static void on_error(png_structp png, png_const_charp message) {
    cpng_reader *reader = png_get_error_ptr(png);
    keep_message(reader, message);
    longjmp(reader->on_error, 1);
}

// libpng drops a bad text chunk with a warning that starts with the chunk's name. Stopping there tells the user, and
// keeps a file full of such chunks from taking long. All other warnings are about things that do not change pixels.
static void on_warning(png_structp png, png_const_charp message) {
    cpng_reader *reader = png_get_error_ptr(png);
    if (!reader->keeps_text || !message || strlen(message) < 5 || message[4] != ':') return;
    if (memcmp(message + 1, "EXt", 3) == 0 || memcmp(message + 1, "TXt", 3) == 0) on_error(png, message);
}

static void read_bytes(png_structp png, png_bytep bytes, size_t count) {
    cpng_reader *reader = png_get_io_ptr(png);
    if (fread(bytes, 1, count, reader->file) == count) return;
    if (ferror(reader->file)) {
        reader->failure = cpng_failure_input;
        reader->error_number = errno;
        png_error(png, "the file cannot be read");
    }
    reader->failure = cpng_failure_truncated;
    png_error(png, "the file ends early");
}

// A header in front of each block remembers its size, so that all of libpng's memory counts against one limit: a
// limit for each chunk alone would let a file with many chunks through.
typedef union {
    size_t size;
    max_align_t alignment;
} block_header;

static png_voidp allocate(png_structp png, png_alloc_size_t size) {
    cpng_reader *reader = png_get_mem_ptr(png);
    block_header *block = NULL;
    bool is_allowed = size <= reader->memory_left && size <= SIZE_MAX - sizeof(block_header);
    if (is_allowed) block = malloc(size + sizeof(block_header));
    if (!block) {
        reader->failure = is_allowed ? cpng_failure_memory : cpng_failure_limit;
        return NULL;
    }
    reader->memory_left -= size;
    block->size = size;
    return block + 1;
}

static void release(png_structp png, png_voidp pointer) {
    if (!pointer) return;
    cpng_reader *reader = png_get_mem_ptr(png);
    block_header *block = (block_header *)pointer - 1;
    reader->memory_left += block->size;
    free(block);
}

static bool create(cpng_reader *reader) {
    if (setjmp(reader->on_error)) return false;
    reader->png = png_create_read_struct_2(
        PNG_LIBPNG_VER_STRING, reader, on_error, on_warning, reader, allocate, release);
    if (!reader->png) return false;
    reader->info = png_create_info_struct(reader->png);
    if (!reader->info) return false;
    png_set_read_fn(reader->png, reader, read_bytes);
    // A wrong CRC is always an error: a skipped tRNS chunk would silently change the picture.
    png_set_crc_action(reader->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(reader->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); // the caller checks the size
    png_set_chunk_malloc_max(reader->png, reader->memory_left);         // ends an inflating text early
    png_set_chunk_cache_max(reader->png, 0);
    // Leaves IHDR, PLTE, tRNS, IDAT and IEND, and either the texts or what goes with the pixels.
    png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    static const png_byte text_chunks[] = "tEXt\0zTXt\0iTXt";
    static const png_byte pixel_chunks[] = "eXIf";
    if (reader->keeps_text) {
        png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_AS_DEFAULT, text_chunks, 3);
    } else {
        png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_AS_DEFAULT, pixel_chunks, 1);
    }
    return true;
}

static cpng_reader *opened(cpng_reader *reader, bool keeps_text, size_t memory_limit) {
    reader->keeps_text = keeps_text;
    reader->memory_left = memory_limit;
    if (!create(reader)) {
        cpng_reader_close(reader);
        return NULL;
    }
    return reader;
}

cpng_reader *cpng_reader_open(int descriptor, bool keeps_text, size_t memory_limit) {
    cpng_reader *reader = calloc(1, sizeof *reader);
    FILE *file = reader ? fdopen(descriptor, "rb") : NULL;
    if (!file) {
        close(descriptor);
        free(reader);
        return NULL;
    }
    reader->file = file;
    return opened(reader, keeps_text, memory_limit);
}

cpng_reader *cpng_reader_open_bytes(const uint8_t *bytes, size_t count, bool keeps_text, size_t memory_limit) {
    cpng_reader *reader = calloc(1, sizeof *reader);
    if (reader) reader->bytes = malloc(count ? count : 1);
    if (!reader || !reader->bytes) {
        free(reader);
        return NULL;
    }
    memcpy(reader->bytes, bytes, count);
    reader->file = fmemopen(reader->bytes, count, "rb");
    if (!reader->file) {
        free(reader->bytes);
        free(reader);
        return NULL;
    }
    return opened(reader, keeps_text, memory_limit);
}

void cpng_reader_close(cpng_reader *reader) {
    if (!reader) return;
    if (reader->png) png_destroy_read_struct(&reader->png, &reader->info, NULL);
    fclose(reader->file);
    free(reader->bytes);
    free(reader);
}

bool cpng_reader_read_header(cpng_reader *reader, cpng_header *header) {
    if (setjmp(reader->on_error)) return false;
    png_structp png = reader->png;
    png_infop info = reader->info;
    png_read_info(png, info);
    png_set_expand(png);   // palette → RGB, 1/2/4 bits → 8, tRNS → alpha
    png_set_strip_16(png); // the high byte, as Pillow takes it
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY_ALPHA ||
        (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY && png_get_valid(png, info, PNG_INFO_tRNS))) {
        png_set_gray_to_rgb(png);
    }
    reader->passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    header->width = png_get_image_width(png, info);
    header->height = png_get_image_height(png, info);
    header->channels = png_get_channels(png, info);
    return true;
}

bool cpng_reader_read_pixels(cpng_reader *reader, uint8_t *pixels, size_t row_bytes) {
    if (setjmp(reader->on_error)) return false;
    if (png_get_rowbytes(reader->png, reader->info) != row_bytes) png_error(reader->png, "unexpected row size");
    uint32_t height = png_get_image_height(reader->png, reader->info);
    for (int pass = 0; pass < reader->passes; pass++) {
        for (uint32_t y = 0; y < height; y++) png_read_row(reader->png, pixels + (size_t)y * row_bytes, NULL);
    }
    return true;
}

bool cpng_reader_read_end(cpng_reader *reader) {
    if (setjmp(reader->on_error)) return false;
    png_read_end(reader->png, reader->info);
    return true;
}

cpng_failure cpng_reader_failure(const cpng_reader *reader) { return reader->failure; }
const char *cpng_reader_message(const cpng_reader *reader) { return reader->message; }
int cpng_reader_errno(const cpng_reader *reader) { return reader->error_number; }

const uint8_t *cpng_reader_exif(cpng_reader *reader, size_t *count) {
    png_bytep bytes = NULL;
    *count = 0;
#ifdef PNG_eXIf_SUPPORTED
    png_uint_32 size = 0;
    if (png_get_eXIf_1(reader->png, reader->info, &size, &bytes) && bytes) *count = size;
#endif
    return bytes;
}

size_t cpng_reader_text_count(cpng_reader *reader) {
    int count = 0;
    png_get_text(reader->png, reader->info, &reader->texts, &count);
    return count > 0 ? (size_t)count : 0;
}

cpng_text cpng_reader_text(cpng_reader *reader, size_t index) {
    const png_text *text = &reader->texts[index];
    bool is_utf8 = text->compression == PNG_ITXT_COMPRESSION_NONE || text->compression == PNG_ITXT_COMPRESSION_zTXt;
    cpng_text result = {
        .keyword = text->key ? text->key : "",
        .text = text->text ? text->text : "",
        .count = text->text ? (is_utf8 ? text->itxt_length : text->text_length) : 0,
        .is_utf8 = is_utf8,
    };
    return result;
}
