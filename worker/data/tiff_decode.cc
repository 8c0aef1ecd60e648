#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_cat.h"
#include "common/data/format_probes.h"
#include "worker/data/stored_image.h"

namespace alignflow {
namespace {

constexpr int64_t kMostTileBytes = int64_t{64} << 20;
constexpr tmsize_t kMostMemory = tmsize_t{1} << 30;  // that libtiff takes at a time

// ---- a file in memory, for libtiff ----

struct TiffSource {
  std::string_view bytes;
  uint64_t at = 0;
  char message[160] = "";
};

TiffSource& SourceOf(thandle_t handle) { return *static_cast<TiffSource*>(handle); }

tmsize_t ReadTiff(thandle_t handle, void* out, tmsize_t count) {
  TiffSource& source = SourceOf(handle);
  if (source.at >= source.bytes.size()) return 0;
  const size_t copied = source.bytes.substr(source.at).copy(static_cast<char*>(out), count);
  source.at += copied;
  return static_cast<tmsize_t>(copied);
}
tmsize_t Write(thandle_t, void*, tmsize_t) { return 0; }
toff_t Seek(thandle_t handle, toff_t offset, int whence) {
  TiffSource& source = SourceOf(handle);
  const uint64_t from = whence == SEEK_SET   ? 0
                        : whence == SEEK_CUR ? source.at
                                             : source.bytes.size();
  return source.at = from + offset;
}
int Close(thandle_t) { return 0; }
toff_t Size(thandle_t handle) { return SourceOf(handle).bytes.size(); }

int KeepMessage(TIFF*, void* source, const char*, const char* format, va_list arguments) {
  auto& message = static_cast<TiffSource*>(source)->message;
  if (message[0] == '\0') std::vsnprintf(message, sizeof(message), format, arguments);
  return 1;  // handled: nothing is printed
}
int IgnoreWarning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct Closer {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffFile = std::unique_ptr<TIFF, Closer>;

TiffFile Open(TiffSource& source) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, kMostMemory);
  TIFFOpenOptionsSetErrorHandlerExtR(options, KeepMessage, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, IgnoreWarning, &source);
  // "m": no memory mapping of a file that is in memory.
  TiffFile tiff(TIFFClientOpenExt("image", "rm", &source, ReadTiff, Write, Seek, Close, Size,
                                  nullptr, nullptr, options));
  TIFFOpenOptionsFree(options);
  return tiff;
}

// ---- pixels ----

// One strip or tile lies at (x, y) and holds `channels` channels from `channel` on.
struct Block {
  int x = 0, y = 0, width = 0, height = 0;
  int channel = 0, channels = 0;
};

// Writes a block's packed samples (`stride` bytes a row) into the picture, as far as it is inside.
void Place(const uint8_t* packed, int64_t stride, const Block& block, int bits, cv::Mat& picture) {
  const int width = std::min(block.width, picture.cols - block.x);
  const int height = std::min(block.height, picture.rows - block.y);
  const int all = picture.channels();
  for (int row = 0; row < height; ++row) {
    const uint8_t* from = packed + row * stride;
    const int64_t first = int64_t{block.x} * all + block.channel;
    for (int i = 0; i < width * block.channels; ++i) {
      const int64_t to = first + int64_t{i / block.channels} * all + i % block.channels;
      if (bits == 16) {
        picture.ptr<uint16_t>(block.y + row)[to] = reinterpret_cast<const uint16_t*>(from)[i];
      } else if (bits == 8) {
        picture.ptr(block.y + row)[to] = from[i];
      } else {
        const int position = i * bits;
        picture.ptr(block.y + row)[to] = static_cast<uint8_t>(
            from[position / 8] >> (8 - bits - position % 8) & ((1 << bits) - 1));
      }
    }
  }
}

// The samples as libtiff's codecs give them: packed below 8 bits, RGB.
bool ReadSamples(TIFF* tiff, int bits, cv::Mat& picture) {
  uint16_t planar = PLANARCONFIG_CONTIG;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
  const bool apart = planar == PLANARCONFIG_SEPARATE;
  const bool tiled = TIFFIsTiled(tiff) != 0;
  uint32_t width = picture.cols, height = picture.rows;
  if (tiled) {
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
  } else {
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &height);
    height = std::min<uint32_t>(height, picture.rows);
  }
  const int64_t stride = tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff);
  const auto picture_bytes = static_cast<int64_t>(picture.total() * picture.elemSize());
  const int64_t size = tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
  // A tile may be larger than the picture, within reason.
  if (width == 0 || height == 0 || stride <= 0 || size <= 0 ||
      size > std::max(kMostTileBytes, picture_bytes)) {
    return false;
  }
  const int channels = apart ? 1 : picture.channels();
  if (size < stride || stride * 8 < int64_t{width} * channels * bits) return false;
  std::vector<uint8_t> packed(size);
  for (int channel = 0; channel < picture.channels(); channel += channels) {
    for (int y = 0; y < picture.rows; y += static_cast<int>(height)) {
      for (int x = 0; x < picture.cols; x += static_cast<int>(width)) {
        const int rows = std::min<int>(static_cast<int>(height), picture.rows - y);
        const tmsize_t wanted = tiled ? size : rows * stride;
        const tmsize_t got = tiled ? TIFFReadTile(tiff, packed.data(), x, y, 0, channel)
                                   : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, channel),
                                                          packed.data(), wanted);
        if (got < wanted) return false;
        Place(packed.data(), stride, {x, y, static_cast<int>(width), rows, channel, channels}, bits,
              picture);
      }
    }
  }
  return true;
}

// Through libtiff's own conversion, which knows subsampled colours; 8 bits, BGR.
bool ReadConverted(TIFF* tiff, cv::Mat& picture) {
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // turning is not its business
  cv::Mat rgba(picture.size(), CV_8UC4);
  if (!TIFFReadRGBAImageOriented(tiff, rgba.cols, rgba.rows, rgba.ptr<uint32_t>(),
                                 ORIENTATION_TOPLEFT, /*stopOnError=*/1)) {
    return false;
  }
  cv::cvtColor(rgba, picture, cv::COLOR_RGBA2BGR);
  return true;
}

// 16 bits a colour; some programs write 8.
std::vector<cv::Vec3b> ReadPalette(TIFF* tiff, int bits) {
  uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
  std::vector<cv::Vec3b> palette;
  if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue)) return palette;
  const int count = 1 << bits;
  int greatest = 0;
  for (int i = 0; i < count; ++i) greatest = std::max<int>({greatest, red[i], green[i], blue[i]});
  const int shift = greatest > 255 ? 8 : 0;
  for (int i = 0; i < count; ++i) {
    palette.emplace_back(blue[i] >> shift, green[i] >> shift, red[i] >> shift);
  }
  return palette;
}

bool Decode(TIFF* tiff, const ImageHeader& header, StoredImage& image) {
  uint32_t width = 0, height = 0;
  uint16_t photometric = PHOTOMETRIC_MINISBLACK;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
  if (int64_t{width} * height != header.width * header.height) return false;
  const bool known = TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric) != 0;
  const bool rgb = known ? photometric == PHOTOMETRIC_RGB : header.channels >= 3;
  if (photometric == PHOTOMETRIC_YCBCR) {
    image.samples.create(static_cast<int>(height), static_cast<int>(width), CV_8UC3);
    return ReadConverted(tiff, image.samples);
  }
  image.samples.create(static_cast<int>(height), static_cast<int>(width),
                       CV_MAKETYPE(header.bits == 16 ? CV_16U : CV_8U, header.channels));
  if (!ReadSamples(tiff, header.bits, image.samples)) return false;
  if (header.palette) {
    image.palette = ReadPalette(tiff, header.bits);
    return !image.palette.empty();
  }
  if (header.bits < 8) image.samples *= 255 / ((1 << header.bits) - 1);
  if (photometric == PHOTOMETRIC_MINISWHITE) cv::bitwise_not(image.samples, image.samples);
  if (rgb && header.channels == 3) cv::cvtColor(image.samples, image.samples, cv::COLOR_RGB2BGR);
  if (rgb && header.channels == 4) cv::cvtColor(image.samples, image.samples, cv::COLOR_RGBA2BGRA);
  return true;
}

}  // namespace

absl::StatusOr<StoredImage> DecodeTiff(std::string_view bytes, const ImageHeader& header) {
  TiffSource source{bytes};
  StoredImage image;
  const TiffFile tiff = Open(source);
  if (tiff != nullptr && Decode(tiff.get(), header, image)) return image;
  return DamagedFile(absl::StrCat("the TIFF is damaged: ", source.message[0] == '\0'
                                                               ? "it cannot be decoded"
                                                               : source.message));
}

}  // namespace alignflow
