#include "worker/dicom/dicom_frame.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/dicom/dicom_kind.h"
#include "worker/dicom/frame_codecs.h"

namespace alignflow {
namespace {

// How the samples of a frame lie in its bytes.
struct Packing {
  bool big_endian = false, planar = false;
  bool words_swapped = false;  // 8-bit samples in big-endian words
  size_t first = 0;            // byte of the frame, where words are swapped
};

// A sample of the bytes' type as its stored bits say: shifted down to bit 0, what is above the bits
// stored gone, the sign spread.
template <typename Raw, typename Sample>
void Unpack(std::string_view bytes, const DicomHeader& header, const Packing& packing,
            cv::Mat& samples) {
  const int channels = header.samples;
  const auto pixels = static_cast<size_t>(header.pixels());
  const int shift = header.high_bit + 1 - header.bits_stored;
  const int unused = static_cast<int>(8 * sizeof(Raw)) - header.bits_stored;
  auto* to = reinterpret_cast<Sample*>(samples.data);
  for (size_t i = 0; i < pixels; ++i) {
    for (int channel = 0; channel < channels; ++channel) {
      const size_t index = packing.planar ? channel * pixels + i : i * channels + channel;
      Raw raw = 0;
      if constexpr (sizeof(Raw) == 1) {
        raw = static_cast<uint8_t>(
            bytes[packing.words_swapped ? (packing.first + index) ^ 1 : index]);
      } else if constexpr (sizeof(Raw) == 2) {
        raw = Read16(bytes.substr(2 * index), packing.big_endian);
      } else {
        raw = Read32(bytes.substr(4 * index), packing.big_endian);
      }
      using Signed = std::make_signed_t<Raw>;
      raw = static_cast<Raw>(static_cast<Raw>(raw >> shift) << unused);
      *to++ = header.is_signed ? static_cast<Sample>(static_cast<Signed>(raw) >> unused)
                               : static_cast<Sample>(static_cast<Raw>(raw >> unused));
    }
  }
}

absl::StatusOr<cv::Mat> UnpackFrame(std::string_view bytes, const DicomHeader& header,
                                    const Packing& packing) {
  const auto rows = static_cast<int>(header.rows), columns = static_cast<int>(header.columns);
  const auto make = [&](int depth) {
    return cv::Mat(rows, columns, CV_MAKETYPE(depth, header.samples));
  };
  cv::Mat samples;
  if (header.bits_allocated == 8) {
    samples = make(header.is_signed ? CV_8S : CV_8U);
    header.is_signed ? Unpack<uint8_t, int8_t>(bytes, header, packing, samples)
                     : Unpack<uint8_t, uint8_t>(bytes, header, packing, samples);
  } else if (header.bits_allocated == 16) {
    samples = make(header.is_signed ? CV_16S : CV_16U);
    header.is_signed ? Unpack<uint16_t, int16_t>(bytes, header, packing, samples)
                     : Unpack<uint16_t, uint16_t>(bytes, header, packing, samples);
  } else if (header.bits_allocated == 32) {
    samples = make(header.is_signed ? CV_32S : CV_64F);
    header.is_signed ? Unpack<uint32_t, int32_t>(bytes, header, packing, samples)
                     : Unpack<uint32_t, double>(bytes, header, packing, samples);
  }
  return samples;
}

// One bit a pixel, the lowest bit first; frames follow each other without a gap.
cv::Mat UnpackBits(std::string_view bytes, const DicomHeader& header, int64_t frame) {
  cv::Mat samples(static_cast<int>(header.rows), static_cast<int>(header.columns), CV_8U);
  const int64_t first = frame * header.pixels();
  for (int64_t i = 0; i < header.pixels(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[(first + i) / 8]);
    samples.data[i] = byte >> (first + i) % 8 & 1;
  }
  return samples;
}

// Two pixels of YBR_FULL_422 are Y, Y, Cb, Cr (PS3.3, C.7.6.3.1.2).
cv::Mat UnpackHalvedColours(std::string_view bytes, const DicomHeader& header) {
  cv::Mat samples(static_cast<int>(header.rows), static_cast<int>(header.columns), CV_8UC3);
  for (int64_t i = 0; i < header.pixels(); ++i) {
    const char* pair = bytes.data() + i / 2 * 4;
    uint8_t* to = samples.data + 3 * i;
    to[0] = static_cast<uint8_t>(pair[i % 2]);
    to[1] = static_cast<uint8_t>(pair[2]);
    to[2] = static_cast<uint8_t>(pair[3]);
  }
  return samples;
}

absl::StatusOr<StoredFrame> DecodeNative(const ParsedDicom& dicom, int64_t frame) {
  const DicomHeader& header = dicom.header;
  StoredFrame stored{.samples = {}, .photometric = header.photometric};
  if (header.bits_allocated == 1 && header.samples == 1) {
    stored.samples = UnpackBits(dicom.native, header, frame);
    return stored;
  }
  if (header.halved_colours()) {
    if (header.columns % 2 != 0) return DamagedDicom("its rows do not halve, as its colours want");
    stored.samples = UnpackHalvedColours(dicom.native.substr(frame * header.pixels() * 2), header);
    stored.photometric = "YBR_FULL";
    return stored;
  }
  if (header.bits_allocated == 1) return DamagedDicom("it has colours of 1 bit");
  const int64_t bytes = header.frame_bits() / 8;
  if (dicom.words_swapped && dicom.native.size() % 2 != 0) {
    return DamagedDicom("its pixels are no whole words");
  }
  const std::string_view own =
      dicom.words_swapped ? dicom.native : dicom.native.substr(frame * bytes, bytes);
  auto samples = UnpackFrame(own, header,
                             {.big_endian = header.syntax.elements.big_endian,
                              .planar = header.planar && header.samples > 1,
                              .words_swapped = dicom.words_swapped,
                              .first = static_cast<size_t>(frame * bytes)});
  if (!samples.ok()) return samples.status();
  stored.samples = *std::move(samples);
  return stored;
}

absl::StatusOr<CodecOutput> Decode(std::string_view frame, const DicomHeader& header) {
  switch (header.syntax.pixels) {
    case PixelCoding::kRle:
      return DecodeRle(frame, header);
    case PixelCoding::kJpeg2000:
      return DecodeJpeg2000(frame, header);
    default:
      return DecodeByDcmtk(frame, header);
  }
}

absl::StatusOr<StoredFrame> DecodeEncapsulated(const ParsedDicom& dicom, int64_t frame) {
  const DicomHeader& header = dicom.header;
  if (header.bits_allocated == 1) return DamagedDicom("it has 1 bit per pixel and is compressed");
  const bool last = frame + 1 == header.frames;
  const size_t begin = dicom.first_fragments[frame];
  const size_t end = last ? dicom.fragments.size() : dicom.first_fragments[frame + 1];
  std::string joined;
  std::string_view bytes = dicom.fragments[begin];
  if (end - begin > 1) {
    for (size_t i = begin; i < end; ++i) joined += dicom.fragments[i];
    bytes = joined;
  }
  const absl::StatusOr<CodecOutput> output = Decode(bytes, header);
  if (!output.ok()) return output.status();
  auto samples = UnpackFrame(output->samples, header, {});
  if (!samples.ok()) return samples.status();
  return StoredFrame{*std::move(samples), output->photometric};
}

// Values of a table by what goes in. CV_32F.
cv::Mat LookedUp(const cv::Mat& values, const DicomTable& table) {
  cv::Mat out(values.size(), CV_32F);
  const auto last = static_cast<int64_t>(table.entries.size()) - 1;
  for (int row = 0; row < values.rows; ++row) {
    const float* from = values.ptr<float>(row);
    float* to = out.ptr<float>(row);
    for (int column = 0; column < values.cols; ++column) {
      // Beyond any table, and within what a whole number holds.
      const double value = std::clamp<double>(from[column], -1e9, 1e9);
      const int64_t index = std::llrint(value) - table.first;
      to[column] = table.entries[static_cast<size_t>(std::clamp<int64_t>(index, 0, last))];
    }
  }
  return out;
}

// PS3.3, C.7.6.3.1.2, with 8 or 16 bits. RGB in, RGB out.
void ToRgb(cv::Mat& ybr) {
  const float half = ybr.depth() == CV_16U ? 32768 : 128;
  const float most = ybr.depth() == CV_16U ? 65535 : 255;
  cv::Mat wide;
  ybr.convertTo(wide, CV_32F);
  wide.forEach<cv::Vec3f>([&](cv::Vec3f& pixel, const int*) {
    const float y = pixel[0], cb = pixel[1] - half, cr = pixel[2] - half;
    const cv::Vec3f rgb(y + 1.402F * cr, y - 0.344136F * cb - 0.714136F * cr, y + 1.772F * cb);
    for (int i = 0; i < 3; ++i) pixel[i] = std::clamp(std::floor(rgb[i] + 0.5F), 0.0F, most);
  });
  wide.convertTo(ybr, ybr.depth());
}

// BGR of 8 bits, whatever the bits stored.
absl::StatusOr<cv::Mat> ShownColours(StoredFrame stored, const DicomHeader& header) {
  if (header.is_signed) {
    return absl::InvalidArgumentError(
        "the DICOM file has signed colours; export its frames as PNG");
  }
  if (header.bits_stored != header.bits_allocated) {
    const double most = std::ldexp(1, header.bits_stored) - 1;
    stored.samples.convertTo(stored.samples, stored.samples.depth(),
                             (std::ldexp(1, header.bits_allocated) - 1) / most);
  }
  if (stored.photometric.starts_with("YBR_FULL")) ToRgb(stored.samples);
  if (stored.samples.depth() == CV_16U) {
    stored.samples.convertTo(stored.samples, CV_8U, 255.0 / 65535);
  }
  cv::Mat bgr;
  cv::cvtColor(stored.samples, bgr, cv::COLOR_RGB2BGR);
  return bgr;
}

cv::Mat ShownPalette(const StoredFrame& stored, const DicomHeader& header) {
  cv::Mat values;
  stored.samples.convertTo(values, CV_32F);
  std::vector<cv::Mat> channels;
  for (int channel = 2; channel >= 0; --channel) {
    const DicomTable& table = header.palette[channel];
    // Some write 8-bit colours and call them 16.
    const bool narrow = table.bits <= 8 || *std::ranges::max_element(table.entries) <= 255;
    cv::Mat colour;
    LookedUp(values, table).convertTo(colour, CV_8U, narrow ? 1 : 255.0 / 65535);
    channels.push_back(colour);
  }
  cv::Mat bgr;
  cv::merge(channels, bgr);
  return bgr;
}

cv::Mat ShownByOwnRule(const cv::Mat& values, const GreyRule& rule, const DicomHeader& header) {
  cv::Mat grey;
  if (rule.voi_table) {
    const double most = std::ldexp(1, rule.voi_table->bits) - 1;
    LookedUp(values, *rule.voi_table).convertTo(grey, CV_8U, 255 / most);
    return grey;
  }
  if (rule.window) return Windowed(values, *rule.window);
  values.convertTo(grey, CV_8U, 255 / (std::ldexp(1, std::min(header.bits_stored, 8)) - 1));
  return grey;
}

cv::Mat ShownGreys(const StoredFrame& stored, const DicomHeader& header, int64_t frame,
                   const std::optional<GreyWindow>& window) {
  const GreyRule& rule = header.GreyOf(frame);
  const cv::Mat values = ModalityValues(stored, rule);
  cv::Mat grey = window ? Windowed(values, *window) : ShownByOwnRule(values, rule, header);
  if (header.photometric == "MONOCHROME1") cv::subtract(cv::Scalar(255), grey, grey);
  const cv::Mat padding = PaddingOf(stored, header);
  if (!padding.empty()) grey.setTo(0, padding);
  return grey;
}

}  // namespace

absl::StatusOr<StoredFrame> DecodeFrame(const ParsedDicom& dicom, int64_t frame) {
  if (frame < 0 || frame >= dicom.header.frames) {
    return absl::InternalError("there is no such frame; report this as a bug");
  }
  return dicom.header.syntax.pixels == PixelCoding::kNative ? DecodeNative(dicom, frame)
                                                            : DecodeEncapsulated(dicom, frame);
}

size_t DicomBytesInMemory(const std::filesystem::path& file) {
  // Of a frame: its stored samples, values as float and what is shown.
  constexpr size_t kBytesOfAPixel = 24;
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  const absl::StatusOr<DicomHeader> header = ReadDicomHeader(file);
  return (error ? 0 : size) +
         (header.ok() ? kBytesOfAPixel * static_cast<size_t>(header->pixels()) : 0);
}

bool HasOwnWindow(const DicomHeader& header, int64_t frame) {
  if (!header.photometric.starts_with("MONOCHROME")) return true;
  const GreyRule& rule = header.GreyOf(frame);
  if (rule.voi_table || rule.window) return true;
  return header.bits_stored <= 8 && !header.is_signed && !rule.modality_table && rule.slope == 1 &&
         rule.intercept == 0;
}

cv::Mat ModalityValues(const StoredFrame& stored, const GreyRule& rule) {
  cv::Mat values;
  if (!rule.modality_table) {
    stored.samples.convertTo(values, CV_32F, rule.slope, rule.intercept);
    return values;
  }
  stored.samples.convertTo(values, CV_32F);
  return LookedUp(values, *rule.modality_table);
}

cv::Mat PaddingOf(const StoredFrame& stored, const DicomHeader& header) {
  if (!header.padding || stored.samples.channels() != 1) return {};
  const auto [low, high] = std::minmax(*header.padding, *header.padding_limit);
  cv::Mat padding;
  cv::inRange(stored.samples, cv::Scalar(static_cast<double>(low)),
              cv::Scalar(static_cast<double>(high)), padding);
  return cv::countNonZero(padding) > 0 ? padding : cv::Mat();
}

absl::StatusOr<cv::Mat> ShownFrame(const ParsedDicom& dicom, int64_t frame,
                                   const std::optional<GreyWindow>& window) {
  const DicomHeader& header = dicom.header;
  absl::Status picture = CheckIsPicture(header);
  if (!picture.ok()) return picture;
  try {
    absl::StatusOr<StoredFrame> stored = DecodeFrame(dicom, frame);
    if (!stored.ok()) return stored.status();
    absl::StatusOr<cv::Mat> shown;
    if (header.samples == 3) {
      shown = ShownColours(*std::move(stored), header);
    } else if (header.photometric == "PALETTE COLOR") {
      shown = ShownPalette(*stored, header);
    } else {
      shown = ShownGreys(*stored, header, frame, window);
    }
    if (!shown.ok()) return shown;
    const auto [rows, columns] = SquareSize(header);
    if (shown->rows == rows && shown->cols == columns) return shown;
    cv::Mat square;
    cv::resize(*shown, square, {columns, rows}, 0, 0, cv::INTER_LINEAR);
    return square;
  } catch (const cv::Exception&) {
    return DamagedDicom("a frame cannot be decoded");
  }
}

}  // namespace alignflow
