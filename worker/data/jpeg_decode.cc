#include <csetjmp>
#include <cstdio>

// jpeglib.h needs size_t and FILE from <cstdio> before it.
#include <jerror.h>
#include <jpeglib.h>

#include "absl/strings/str_cat.h"
#include "common/data/format_probes.h"
#include "worker/data/stored_image.h"

namespace alignflow {
namespace {

constexpr int kMaxPadding = 16;  // bytes

struct ErrorManager {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is also ours
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void Fail(j_common_ptr codec) {
  auto* errors = reinterpret_cast<ErrorManager*>(codec->err);
  codec->err->format_message(codec, errors->message);
  std::longjmp(errors->jump, 1);
}

// Damaged pixel data either ends too early, or holds impossible codes, or leaves much of itself
// over. The other warnings are about things that many programs write oddly, among them a few bytes
// of padding.
void OnMessage(j_common_ptr codec, int level) {
  if (level >= 0) return;
  const jpeg_error_mgr& errors = *codec->err;
  const bool scanning = reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number > 0;
  if (scanning && errors.msg_code == JWRN_EXTRANEOUS_DATA && errors.msg_parm.i[0] > kMaxPadding) {
    Fail(codec);
  }
  switch (errors.msg_code) {
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
      Fail(codec);
  }
}

// No object with a destructor may be made in here: longjmp would pass it by.
bool Decode(std::string_view bytes, jpeg_decompress_struct& codec, ErrorManager& errors,
            cv::Mat& image) {
  if (setjmp(errors.jump)) return false;
  jpeg_create_decompress(&codec);
  jpeg_mem_src(&codec, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&codec, TRUE);
  const bool gray = codec.jpeg_color_space == JCS_GRAYSCALE;
  if (!gray && codec.jpeg_color_space != JCS_YCbCr && codec.jpeg_color_space != JCS_RGB) {
    std::snprintf(errors.message, sizeof(errors.message), "it is neither grey nor RGB");
    return false;
  }
  codec.out_color_space = gray ? JCS_GRAYSCALE : JCS_EXT_BGR;
  jpeg_start_decompress(&codec);
  image.create(static_cast<int>(codec.output_height), static_cast<int>(codec.output_width),
               gray ? CV_8UC1 : CV_8UC3);
  while (codec.output_scanline < codec.output_height) {
    JSAMPROW row = image.ptr(static_cast<int>(codec.output_scanline));
    jpeg_read_scanlines(&codec, &row, 1);
  }
  jpeg_finish_decompress(&codec);
  return true;
}

}  // namespace

absl::StatusOr<StoredImage> DecodeJpeg(std::string_view bytes) {
  jpeg_decompress_struct codec{};
  ErrorManager errors{};
  codec.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = Fail;
  errors.base.emit_message = OnMessage;
  StoredImage image;
  const bool decoded = Decode(bytes, codec, errors, image.samples);
  jpeg_destroy_decompress(&codec);
  if (!decoded) {
    return DamagedFile(absl::StrCat("the JPEG cannot be decoded: ", errors.message));
  }
  return image;
}

}  // namespace alignflow
