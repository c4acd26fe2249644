#include "CPNG.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cpng_writer {
    png_structp png;
    png_infop info;
    jmp_buf on_error;
    uint8_t *bytes;
    size_t count;
    size_t capacity;
    uint32_t height;
    char message[192];
};

static void on_error(png_structp png, png_const_charp message) {
    cpng_writer *writer = png_get_error_ptr(png);
    snprintf(writer->message, sizeof writer->message, "%s", message ? message : "unknown reason");
    longjmp(writer->on_error, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void append_bytes(png_structp png, png_bytep bytes, size_t count) {
    cpng_writer *writer = png_get_io_ptr(png);
    if (count > writer->capacity - writer->count) {
        size_t capacity = writer->capacity ? writer->capacity : 1 << 16;
        while (capacity - writer->count < count) {
            if (capacity > SIZE_MAX / 2) png_error(png, "out of memory");
            capacity *= 2;
        }
        uint8_t *grown = realloc(writer->bytes, capacity);
        if (!grown) png_error(png, "out of memory");
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->count, bytes, count);
    writer->count += count;
}

static void flush_nothing(png_structp png) { (void)png; }

static bool create(cpng_writer *writer, uint32_t width, int32_t channels, int32_t compression_level) {
    if (setjmp(writer->on_error)) return false;
    writer->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, writer, on_error, on_warning);
    if (!writer->png) return false;
    writer->info = png_create_info_struct(writer->png);
    if (!writer->info) return false;
    png_set_write_fn(writer->png, writer, append_bytes, flush_nothing);
    int colour = channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA;
    png_set_IHDR(writer->png, writer->info, width, writer->height, 8, colour, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    // All said outright, so that the bytes do not depend on libpng's defaults.
    png_set_compression_level(writer->png, compression_level);
    png_set_compression_mem_level(writer->png, 8);
    png_set_compression_window_bits(writer->png, 15);
    png_set_compression_buffer_size(writer->png, 1 << 16);
    png_set_filter(writer->png, PNG_FILTER_TYPE_BASE, PNG_ALL_FILTERS);
    png_write_info(writer->png, writer->info);
    return true;
}

cpng_writer *cpng_writer_open(uint32_t width, uint32_t height, int32_t channels, int32_t compression_level) {
    cpng_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return NULL;
    writer->height = height;
    if (!create(writer, width, channels, compression_level)) {
        cpng_writer_close(writer);
        return NULL;
    }
    return writer;
}

void cpng_writer_close(cpng_writer *writer) {
    if (!writer) return;
    if (writer->png) png_destroy_write_struct(&writer->png, &writer->info);
    free(writer->bytes);
    free(writer);
}

bool cpng_writer_add_chunk(cpng_writer *writer, const char *type, const uint8_t *bytes, size_t count) {
    if (setjmp(writer->on_error)) return false;
    png_write_chunk(writer->png, (png_const_bytep)type, bytes, count);
    return true;
}

bool cpng_writer_add_pixels(cpng_writer *writer, const uint8_t *pixels, size_t row_bytes) {
    if (setjmp(writer->on_error)) return false;
    for (uint32_t y = 0; y < writer->height; y++) png_write_row(writer->png, pixels + (size_t)y * row_bytes);
    png_write_end(writer->png, NULL);
    return true;
}

const uint8_t *cpng_writer_bytes(const cpng_writer *writer, size_t *count) {
    *count = writer->count;
    return writer->bytes;
}

const char *cpng_writer_message(const cpng_writer *writer) { return writer->message; }
