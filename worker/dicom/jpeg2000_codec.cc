#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "worker/dicom/element_walk.h"
#include "worker/dicom/frame_codecs.h"

namespace alignflow {
namespace {

struct Source {
  std::string_view bytes;
  size_t at = 0;
};

OPJ_SIZE_T Read(void* to, OPJ_SIZE_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (source.at >= source.bytes.size()) return static_cast<OPJ_SIZE_T>(-1);
  const size_t read = std::min<size_t>(count, source.bytes.size() - source.at);
  std::memcpy(to, source.bytes.data() + source.at, read);
  source.at += read;
  return read;
}

OPJ_OFF_T Skip(OPJ_OFF_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (count < 0 || static_cast<size_t>(count) > source.bytes.size() - source.at) return -1;
  source.at += static_cast<size_t>(count);
  return count;
}

OPJ_BOOL Seek(OPJ_OFF_T at, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (at < 0 || static_cast<size_t>(at) > source.bytes.size()) return OPJ_FALSE;
  source.at = static_cast<size_t>(at);
  return OPJ_TRUE;
}

absl::Status Damaged(std::string_view reason) {
  return DamagedDicom(absl::StrCat("a JPEG 2000 frame ", std::string(reason)));
}

// That a picture is the header's, before memory is taken for it.
absl::Status CheckImage(const opj_image_t& image, const DicomHeader& header) {
  if (static_cast<int>(image.numcomps) != header.samples ||
      image.x1 - image.x0 != static_cast<OPJ_UINT32>(header.columns) ||
      image.y1 - image.y0 != static_cast<OPJ_UINT32>(header.rows)) {
    return Damaged("has another size than the header says");
  }
  for (OPJ_UINT32 channel = 0; channel < image.numcomps; ++channel) {
    const opj_image_comp_t& component = image.comps[channel];
    if (component.dx != 1 || component.dy != 1) return Damaged("has channels of different sizes");
    if (component.prec > static_cast<OPJ_UINT32>(header.bits_allocated)) {
      return Damaged("has more bits than the header says");
    }
  }
  return absl::OkStatus();
}

// Channels apart, 32 bits each, to channels together of `bytes` bytes.
std::string Together(const opj_image_t& image, size_t pixels, size_t bytes) {
  std::string samples(pixels * image.numcomps * bytes, '\0');
  for (OPJ_UINT32 channel = 0; channel < image.numcomps; ++channel) {
    const OPJ_INT32* from = image.comps[channel].data;
    char* to = samples.data() + channel * bytes;
    for (size_t i = 0; i < pixels; ++i, to += image.numcomps * bytes) {
      const auto value = static_cast<uint32_t>(from[i]);
      for (size_t byte = 0; byte < bytes; ++byte) to[byte] = static_cast<char>(value >> 8 * byte);
    }
  }
  return samples;
}

}  // namespace

absl::StatusOr<CodecOutput> DecodeJpeg2000(std::string_view frame, const DicomHeader& header) {
  using namespace std::string_view_literals;
  const bool boxed = frame.starts_with("\0\0\0\x0cjP  "sv);
  // Codec and stream are both void* to OpenJPEG.
  const std::unique_ptr<opj_codec_t, decltype(&opj_destroy_codec)> codec(
      opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K), opj_destroy_codec);
  const std::unique_ptr<opj_stream_t, decltype(&opj_stream_destroy)> stream(
      opj_stream_default_create(OPJ_TRUE), opj_stream_destroy);
  if (!codec || !stream)
    return absl::ResourceExhaustedError("there is not enough memory; close programs");
  Source source{frame};
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), frame.size());
  opj_stream_set_read_function(stream.get(), Read);
  opj_stream_set_skip_function(stream.get(), Skip);
  opj_stream_set_seek_function(stream.get(), Seek);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* read = nullptr;
  const bool started = opj_setup_decoder(codec.get(), &parameters) == OPJ_TRUE &&
                       opj_read_header(stream.get(), codec.get(), &read) == OPJ_TRUE;
  const std::unique_ptr<opj_image_t, decltype(&opj_image_destroy)> image(read, opj_image_destroy);
  if (!started || !image) return Damaged("cannot be decoded");
  absl::Status checked = CheckImage(*image, header);
  if (!checked.ok()) return checked;
  if (opj_decode(codec.get(), stream.get(), image.get()) != OPJ_TRUE) {
    return Damaged("cannot be decoded");
  }
  for (OPJ_UINT32 channel = 0; channel < image->numcomps; ++channel) {
    const opj_image_comp_t& component = image->comps[channel];
    if (component.data == nullptr || component.w != static_cast<OPJ_UINT32>(header.columns) ||
        component.h != static_cast<OPJ_UINT32>(header.rows)) {
      return Damaged("cannot be decoded");
    }
  }
  CodecOutput output;
  output.samples = Together(*image, static_cast<size_t>(header.pixels()),
                            static_cast<size_t>(header.bits_allocated / 8));
  // What the codestream transforms is transformed back by the decoder.
  output.photometric = header.photometric.starts_with("YBR_I") || header.photometric == "YBR_RCT"
                           ? "RGB"
                           : header.photometric;
  return output;
}

}  // namespace alignflow
