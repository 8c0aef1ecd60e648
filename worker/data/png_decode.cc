#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/data/format_probes.h"
#include "worker/data/stored_image.h"

namespace alignflow {
namespace {

struct PngSource {
  std::string_view rest;
  char message[128] = "";
};

void ReadPng(png_structp png, png_bytep out, size_t count) {
  auto& source = *static_cast<PngSource*>(png_get_io_ptr(png));
  if (count > source.rest.size()) png_error(png, "the data ends too early");
  source.rest.copy(reinterpret_cast<char*>(out), count);
  source.rest.remove_prefix(count);
}

[[noreturn]] void FailPng(png_structp png, png_const_charp message) {
  auto& source = *static_cast<PngSource*>(png_get_error_ptr(png));
  std::strncpy(source.message, message, sizeof(source.message) - 1);
  png_longjmp(png, 1);
}

void IgnorePngWarning(png_structp, png_const_charp) {}

// No object with a destructor may be made in here: longjmp would pass it by.
bool Decode(png_structp png, png_infop info, StoredImage& image, std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_info(png, info);
  const int color = png_get_color_type(png, info), bits = png_get_bit_depth(png, info);
  if (color == PNG_COLOR_TYPE_PALETTE) {
    png_set_packing(png);
  } else {
    if (bits < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (bits == 16 && std::endian::native == std::endian::little) png_set_swap(png);
    png_set_bgr(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  image.samples.create(static_cast<int>(png_get_image_height(png, info)),
                       static_cast<int>(png_get_image_width(png, info)),
                       CV_MAKETYPE(bits == 16 ? CV_16U : CV_8U, png_get_channels(png, info)));
  rows.resize(image.samples.rows);
  for (int row = 0; row < image.samples.rows; ++row) rows[row] = image.samples.ptr(row);
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  png_colorp colours = nullptr;
  int count = 0;
  if (color == PNG_COLOR_TYPE_PALETTE && png_get_PLTE(png, info, &colours, &count)) {
    for (int i = 0; i < count; ++i) {
      image.palette.emplace_back(colours[i].blue, colours[i].green, colours[i].red);
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<StoredImage> DecodePng(std::string_view bytes) {
  PngSource source{bytes};
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, FailPng, IgnorePngWarning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  StoredImage image;
  std::vector<png_bytep> rows;
  bool decoded = false;
  if (info != nullptr) {
    png_set_read_fn(png, &source, ReadPng);
    decoded = Decode(png, info, image, rows);
  }
  png_destroy_read_struct(&png, &info, nullptr);
  if (!decoded) return DamagedFile(absl::StrCat("the PNG is damaged: ", source.message));
  return image;
}

}  // namespace alignflow
