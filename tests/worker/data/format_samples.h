#ifndef ALIGNFLOW_TESTS_WORKER_DATA_FORMAT_SAMPLES_H_
#define ALIGNFLOW_TESTS_WORKER_DATA_FORMAT_SAMPLES_H_

#include <png.h>
#include <tiffio.h>
#include <webp/encode.h>

#include <algorithm>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "tests/worker/data/test_images.h"

// Writers of small files in the ways that programs have, which OpenCV's own writer has not. Written
// by the formats' libraries where these can.
namespace alignflow {

inline std::string Number(uint32_t value, int bytes, bool big_endian) {
  std::string text(bytes, '\0');
  for (int i = 0; i < bytes; ++i) {
    text[big_endian ? bytes - 1 - i : i] = static_cast<char>(value >> 8 * i);
  }
  return text;
}

// ---- PNG ----

struct PngWriting {
  int color = PNG_COLOR_TYPE_GRAY;
  int bits = 8;                         // below 8: samples are packed as they are, not scaled
  std::vector<cv::Vec3b> palette = {};  // BGR
  bool interlaced = false;
  int orientation = 0;  // in an eXIf chunk; 0: none
};

// An EXIF block with nothing but an orientation.
inline std::string ExifBlock(int orientation) {
  return std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) +
         Number(orientation, 4, false) + std::string(4, '\0');
}

// samples: 8 or 16 bits, in PNG's own order of channels (RGB).
inline std::string PngOf(const cv::Mat& samples, const PngWriting& writing) {
  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), size);
      },
      nullptr);
  png_set_IHDR(png, info, samples.cols, samples.rows, writing.bits, writing.color,
               writing.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
  std::vector<png_color> colours;
  for (const cv::Vec3b& colour : writing.palette) {
    colours.push_back({colour[2], colour[1], colour[0]});
  }
  if (!colours.empty()) png_set_PLTE(png, info, colours.data(), static_cast<int>(colours.size()));
  std::string exif = ExifBlock(writing.orientation);
  if (writing.orientation != 0) {
    png_set_eXIf_1(png, info, exif.size(), reinterpret_cast<png_bytep>(exif.data()));
  }
  png_write_info(png, info);
  if (writing.bits < 8) png_set_packing(png);
  if (writing.bits == 16) png_set_swap(png);
  std::vector<png_bytep> rows;
  for (int row = 0; row < samples.rows; ++row) {
    rows.push_back(const_cast<png_bytep>(samples.ptr(row)));
  }
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

// ---- TIFF ----

struct TiffWriting {
  int bits = 8;
  int photometric = PHOTOMETRIC_MINISBLACK;
  int compression = COMPRESSION_NONE;
  int tile = 0;   // side of a tile; 0: strips
  int strip = 5;  // rows of a strip
  bool apart = false;
  int orientation = 0;
  int sample_format = SAMPLEFORMAT_UINT;
  int pages = 1;
  bool thumbnails = false;  // all pages but the first are reduced versions of it
  bool big = false;
  std::vector<cv::Vec3b> palette = {};  // BGR
};

// A row's samples [first, first + width) of one channel, or of all where channel < 0, packed.
inline std::string PackedRow(const cv::Mat& samples, int row, int first, int width, int channel,
                             int bits) {
  const int all = samples.channels(), bytes = bits == 16 ? 2 : 1;
  std::string packed;
  int filled = 0;
  for (int column = first; column < first + width; ++column) {
    for (int c = 0; c < all; ++c) {
      if (channel >= 0 && c != channel) continue;
      const uint8_t* at = samples.ptr(row) + (std::min(column, samples.cols - 1) * all + c) * bytes;
      if (bits >= 8) {
        packed.append(reinterpret_cast<const char*>(at), bytes);
        continue;
      }
      if (filled % 8 == 0) packed += '\0';
      packed.back() = static_cast<char>(packed.back() | *at << (8 - bits - filled % 8));
      filled += bits;
    }
  }
  return packed;
}

inline void WriteTiffPage(TIFF* tiff, const cv::Mat& samples, const TiffWriting& writing) {
  const int channels = samples.channels();
  const bool colour = writing.photometric == PHOTOMETRIC_RGB ||
                      writing.photometric == PHOTOMETRIC_YCBCR ||
                      writing.photometric == PHOTOMETRIC_CIELAB;
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, samples.cols);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, samples.rows);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, channels);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, writing.bits);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, writing.photometric);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, writing.compression);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, writing.sample_format);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
               writing.apart ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  if (writing.orientation != 0) TIFFSetField(tiff, TIFFTAG_ORIENTATION, writing.orientation);
  if (channels == (colour ? 4 : 2)) {
    const uint16_t extra = EXTRASAMPLE_UNASSALPHA;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &extra);
  }
  if (writing.photometric == PHOTOMETRIC_YCBCR) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }
  if (!writing.palette.empty()) {
    std::vector<uint16_t> map[3];
    for (int k = 0; k < 3; ++k) map[k].resize(1 << writing.bits);
    for (size_t i = 0; i < writing.palette.size(); ++i) {
      for (int k = 0; k < 3; ++k)
        map[k][i] = static_cast<uint16_t>(writing.palette[i][2 - k] * 257);
    }
    TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0].data(), map[1].data(), map[2].data());
  }
  const int side = writing.tile, planes = writing.apart ? channels : 1;
  if (side > 0) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, side);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, side);
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, writing.strip);
  }
  for (int plane = 0; plane < planes; ++plane) {
    const int channel = writing.apart ? plane : -1;
    if (side == 0) {
      for (int row = 0; row < samples.rows; ++row) {
        std::string packed = PackedRow(samples, row, 0, samples.cols, channel, writing.bits);
        TIFFWriteScanline(tiff, packed.data(), row, static_cast<uint16_t>(plane));
      }
      continue;
    }
    for (int y = 0; y < samples.rows; y += side) {
      for (int x = 0; x < samples.cols; x += side) {
        std::string packed;
        for (int row = y; row < y + side; ++row) {
          packed +=
              PackedRow(samples, std::min(row, samples.rows - 1), x, side, channel, writing.bits);
        }
        TIFFWriteTile(tiff, packed.data(), x, y, 0, static_cast<uint16_t>(plane));
      }
    }
  }
}

// samples: 8 or 16 bits, in TIFF's own order of channels (RGB), unscaled below 8 bits.
inline std::string TiffOf(const cv::Mat& samples, const TiffWriting& writing) {
  const TestFolder folder;
  const std::string path = (folder.path() / "sample.tif").string();
  TIFF* tiff = TIFFOpen(path.c_str(), writing.big ? "w8" : "w");
  for (int page = 0; page < writing.pages; ++page) {
    if (page > 0) TIFFWriteDirectory(tiff);
    if (page > 0 && writing.thumbnails) {
      TIFFSetField(tiff, TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
    }
    WriteTiffPage(tiff, samples, writing);
  }
  TIFFClose(tiff);
  return ReadAll(path);
}

// ---- BMP, WebP, JPEG ----

// An uncompressed BMP of 1, 4 or 8 bits. palette: BGR.
inline std::string PaletteBmp(const cv::Mat& indices, int bits,
                              const std::vector<cv::Vec3b>& palette) {
  std::string pixels;
  for (int row = indices.rows - 1; row >= 0; --row) {
    std::string packed = PackedRow(indices, row, 0, indices.cols, -1, bits);
    packed.resize((packed.size() + 3) / 4 * 4);
    pixels += packed;
  }
  std::string colours;
  for (const cv::Vec3b& colour : palette) {
    for (int k = 0; k < 3; ++k) colours += static_cast<char>(colour[k]);
    colours += '\0';
  }
  const auto offset = static_cast<uint32_t>(54 + colours.size());
  const auto little = [](uint32_t value, int bytes) { return Number(value, bytes, false); };
  return "BM" + little(static_cast<uint32_t>(offset + pixels.size()), 4) + little(0, 4) +
         little(offset, 4) + little(40, 4) + little(indices.cols, 4) + little(indices.rows, 4) +
         little(1, 2) + little(bits, 2) + little(0, 4) +
         little(static_cast<uint32_t>(pixels.size()), 4) + std::string(8, '\0') +
         little(static_cast<uint32_t>(palette.size()), 4) + little(0, 4) + colours + pixels;
}

// bgr: 3 or 4 channels. Without loss unless a quality is given.
inline std::string WebpOf(const cv::Mat& bgr, float quality = 0) {
  uint8_t* out = nullptr;
  const int step = static_cast<int>(bgr.step);
  const bool alpha = bgr.channels() == 4;
  size_t size;
  if (quality > 0) {
    size = alpha ? WebPEncodeBGRA(bgr.data, bgr.cols, bgr.rows, step, quality, &out)
                 : WebPEncodeBGR(bgr.data, bgr.cols, bgr.rows, step, quality, &out);
  } else {
    size = alpha ? WebPEncodeLosslessBGRA(bgr.data, bgr.cols, bgr.rows, step, &out)
                 : WebPEncodeLosslessBGR(bgr.data, bgr.cols, bgr.rows, step, &out);
  }
  std::string bytes(reinterpret_cast<char*>(out), size);
  WebPFree(out);
  return bytes;
}

// The JPEG with an EXIF orientation.
inline std::string TurnedJpeg(std::string jpeg, int orientation) {
  const std::string body = std::string("Exif\0\0", 6) + ExifBlock(orientation);
  return jpeg.insert(2,
                     "\xff\xe1" + Number(static_cast<uint32_t>(body.size() + 2), 2, true) + body);
}

// The simple WebP in an extended container with an EXIF orientation.
inline std::string TurnedWebp(const std::string& webp, int width, int height, int orientation) {
  const std::string exif = ExifBlock(orientation);
  const std::string chunks = "WEBPVP8X" + Number(10, 4, false) + Number(0x08, 4, false) +
                             Number(width - 1, 3, false) + Number(height - 1, 3, false) +
                             webp.substr(12) + "EXIF" +
                             Number(static_cast<uint32_t>(exif.size()), 4, false) + exif;
  return "RIFF" + Number(static_cast<uint32_t>(chunks.size()), 4, false) + chunks;
}

// ---- pictures ----

inline cv::Mat SwappedChannels(const cv::Mat& image) {
  cv::Mat swapped;
  cv::cvtColor(image, swapped, image.channels() == 4 ? cv::COLOR_BGRA2RGBA : cv::COLOR_BGR2RGB);
  return swapped;
}
inline cv::Mat WithAlpha(const cv::Mat& image, int alpha) {
  std::vector<cv::Mat> planes;
  cv::split(image, planes);
  planes.push_back(cv::Mat(image.size(), CV_8U, cv::Scalar(alpha)));
  cv::Mat merged;
  cv::merge(planes, merged);
  return merged;
}
inline cv::Mat Threefold(const cv::Mat& grey) {
  cv::Mat three;
  cv::cvtColor(grey, three, cv::COLOR_GRAY2BGR);
  return three;
}

inline std::vector<cv::Vec3b> GreyPalette(int count) {
  std::vector<cv::Vec3b> palette;
  for (int i = 0; i < count; ++i) {
    palette.push_back(cv::Vec3b::all(static_cast<uint8_t>(i * 255 / std::max(1, count - 1))));
  }
  return palette;
}
// Black, red, green, blue and on, as paint programs have.
inline std::vector<cv::Vec3b> ColourPalette(int count) {
  std::vector<cv::Vec3b> palette = {{0, 0, 0}, {0, 0, 255}, {0, 255, 0}, {255, 0, 0}};
  while (static_cast<int>(palette.size()) < count) {
    const auto i = static_cast<uint8_t>(palette.size());
    palette.push_back({i, static_cast<uint8_t>(255 - i), 128});
  }
  palette.resize(count);
  return palette;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_DATA_FORMAT_SAMPLES_H_
