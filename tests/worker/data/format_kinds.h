#ifndef ALIGNFLOW_TESTS_WORKER_DATA_FORMAT_KINDS_H_
#define ALIGNFLOW_TESTS_WORKER_DATA_FORMAT_KINDS_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/worker/data/format_samples.h"

namespace alignflow {

// One kind of file. `image` and `mask` write a small picture of noise, and a small mask, in it.
struct FormatKind {
  std::string name;
  std::function<std::string()> image;
  std::function<std::string()> mask;
};

inline constexpr int kKindWidth = 24, kKindHeight = 17;

// A mask of 0 with a square of `value`.
inline cv::Mat KindMask(int value) { return SquareMask(kKindWidth, kKindHeight, value); }
inline cv::Mat KindImage(int type = CV_8UC3) { return Clutter(kKindWidth, kKindHeight, type); }
inline cv::Mat KindDeep(int channels) {
  cv::Mat deep(kKindHeight, kKindWidth, CV_16UC(channels));
  cv::RNG(5).fill(deep, cv::RNG::UNIFORM, 0, 65536);
  return deep;
}
inline cv::Mat DeepMask(int value) {
  cv::Mat deep;
  KindMask(1).convertTo(deep, CV_16U, value);
  return deep;
}
inline cv::Mat ColouredSquare() {
  cv::Mat mask = Threefold(KindMask(0));
  mask(cv::Rect(6, 4, 12, 8)) = cv::Scalar(0, 0, 255);
  return mask;
}
inline cv::Mat Indices(int count, int type_rows = kKindHeight) {
  cv::Mat indices(type_rows, kKindWidth, CV_8U);
  cv::RNG(3).fill(indices, cv::RNG::UNIFORM, 0, count);
  return indices;
}
inline cv::Mat TwoChannels(const cv::Mat& grey, int alpha) {
  cv::Mat both;
  cv::merge(std::vector<cv::Mat>{grey, cv::Mat(grey.size(), CV_8U, cv::Scalar(alpha))}, both);
  return both;
}
inline cv::Mat HalfTransparent() {
  cv::Mat image = WithAlpha(Threefold(KindMask(255)), 255);
  image(cv::Rect(0, 0, 5, 5)) = cv::Scalar(0, 0, 0, 0);
  return image;
}

inline FormatKind PngKind(const std::string& name, const cv::Mat& image, const cv::Mat& mask,
                          const PngWriting& writing) {
  return {"PNG, " + name, [=] { return PngOf(image, writing); },
          [=] { return PngOf(mask, writing); }};
}
inline FormatKind TiffKind(const std::string& name, const cv::Mat& image, const cv::Mat& mask,
                           const TiffWriting& writing) {
  return {"TIFF, " + name, [=] { return TiffOf(image, writing); },
          [=] { return TiffOf(mask, writing); }};
}
inline FormatKind FileKind(const std::string& name, const std::string& image,
                           const std::string& mask) {
  return {name, [=] { return image; }, [=] { return mask; }};
}

inline std::vector<FormatKind> PngKinds() {
  constexpr int kGrey = PNG_COLOR_TYPE_GRAY, kRgb = PNG_COLOR_TYPE_RGB;
  return {
      PngKind("8-bit grey", KindImage(CV_8UC1), KindMask(255), {.color = kGrey}),
      PngKind("8-bit grey, interlaced", KindImage(CV_8UC1), KindMask(255),
              {.color = kGrey, .interlaced = true}),
      PngKind("1-bit grey", Indices(2), KindMask(1), {.color = kGrey, .bits = 1}),
      PngKind("2-bit grey", Indices(4), KindMask(1), {.color = kGrey, .bits = 2}),
      PngKind("4-bit grey", Indices(16), KindMask(1), {.color = kGrey, .bits = 4}),
      PngKind("16-bit grey, values up to 255", DeepMask(200), DeepMask(2),
              {.color = kGrey, .bits = 16}),
      PngKind("16-bit grey, larger values", KindDeep(1), DeepMask(4000),
              {.color = kGrey, .bits = 16}),
      PngKind("grey and alpha", TwoChannels(KindImage(CV_8UC1), 255),
              TwoChannels(KindMask(255), 255), {.color = PNG_COLOR_TYPE_GRAY_ALPHA}),
      PngKind("RGB, all pixels grey", SwappedChannels(Threefold(KindImage(CV_8UC1))),
              Threefold(KindMask(255)), {.color = kRgb}),
      PngKind("RGB in colours", KindImage(), SwappedChannels(ColouredSquare()), {.color = kRgb}),
      PngKind("16-bit RGB", KindDeep(3), KindDeep(3), {.color = kRgb, .bits = 16}),
      PngKind("RGBA, constant alpha", WithAlpha(KindImage(), 255),
              WithAlpha(Threefold(KindMask(255)), 255), {.color = PNG_COLOR_TYPE_RGB_ALPHA}),
      PngKind("RGBA, alpha that differs", HalfTransparent(), HalfTransparent(),
              {.color = PNG_COLOR_TYPE_RGB_ALPHA}),
      PngKind("palette of greys", Indices(16), KindMask(15),
              {.color = PNG_COLOR_TYPE_PALETTE, .bits = 8, .palette = GreyPalette(16)}),
      PngKind("palette of colours", Indices(16), KindMask(1),
              {.color = PNG_COLOR_TYPE_PALETTE, .bits = 8, .palette = ColourPalette(16)}),
      PngKind("palette of 1, 2 or 4 bits", Indices(4), KindMask(1),
              {.color = PNG_COLOR_TYPE_PALETTE, .bits = 2, .palette = ColourPalette(4)}),
      PngKind("with an EXIF orientation", KindImage(CV_8UC1), KindMask(255),
              {.color = kGrey, .orientation = 6}),
  };
}

inline std::vector<FormatKind> TiffKinds() {
  const cv::Mat grey = KindImage(CV_8UC1), mask = KindMask(255), rgb = KindImage();
  const cv::Mat grey_rgb = Threefold(mask);
  return {
      TiffKind("8-bit grey", grey, mask, {}),
      TiffKind("8-bit grey, white is 0", grey, mask, {.photometric = PHOTOMETRIC_MINISWHITE}),
      TiffKind("1-bit grey", Indices(2), KindMask(1), {.bits = 1}),
      TiffKind("2-bit grey", Indices(4), KindMask(1), {.bits = 2}),
      TiffKind("4-bit grey", Indices(16), KindMask(1), {.bits = 4}),
      TiffKind("1-bit, fax compression", Indices(2), KindMask(1),
               {.bits = 1, .compression = COMPRESSION_CCITTFAX4}),
      TiffKind("16-bit grey, values up to 255", DeepMask(200), DeepMask(2), {.bits = 16}),
      TiffKind("16-bit grey, larger values", KindDeep(1), DeepMask(4000), {.bits = 16}),
      TiffKind("grey and alpha", TwoChannels(grey, 255), TwoChannels(mask, 255), {}),
      TiffKind("RGB", rgb, grey_rgb, {.photometric = PHOTOMETRIC_RGB}),
      TiffKind("RGB, channels apart", rgb, grey_rgb,
               {.photometric = PHOTOMETRIC_RGB, .apart = true}),
      TiffKind("RGBA", WithAlpha(rgb, 255), WithAlpha(grey_rgb, 255),
               {.photometric = PHOTOMETRIC_RGB}),
      TiffKind("16-bit RGB", KindDeep(3), KindDeep(3),
               {.bits = 16, .photometric = PHOTOMETRIC_RGB}),
      TiffKind("palette of colours", Indices(16), KindMask(1),
               {.photometric = PHOTOMETRIC_PALETTE, .palette = ColourPalette(16)}),
      TiffKind("tiles", rgb, grey_rgb, {.photometric = PHOTOMETRIC_RGB, .tile = 16}),
      TiffKind("tiles larger than the picture", rgb, grey_rgb,
               {.photometric = PHOTOMETRIC_RGB, .tile = 64}),
      TiffKind("LZW", rgb, grey_rgb,
               {.photometric = PHOTOMETRIC_RGB, .compression = COMPRESSION_LZW}),
      TiffKind("Deflate", grey, mask, {.compression = COMPRESSION_ADOBE_DEFLATE}),
      TiffKind("PackBits", grey, mask, {.compression = COMPRESSION_PACKBITS}),
      TiffKind("Zstandard", grey, mask, {.compression = COMPRESSION_ZSTD}),
      TiffKind("JPEG compression", rgb, grey_rgb,
               {.photometric = PHOTOMETRIC_YCBCR, .compression = COMPRESSION_JPEG, .strip = 32}),
      TiffKind("BigTIFF", grey, mask, {.big = true}),
      TiffKind("several pages", grey, mask, {.pages = 3}),
      TiffKind("with an orientation", grey, mask, {.orientation = 8}),
      TiffKind("floating point", cv::Mat(kKindHeight, kKindWidth, CV_32F, cv::Scalar(0)),
               cv::Mat(kKindHeight, kKindWidth, CV_32F, cv::Scalar(0)),
               {.bits = 32, .sample_format = SAMPLEFORMAT_IEEEFP}),
      TiffKind("signed", grey, mask, {.sample_format = SAMPLEFORMAT_INT}),
      TiffKind("CMYK", WithAlpha(rgb, 0), WithAlpha(rgb, 0),
               {.photometric = PHOTOMETRIC_SEPARATED}),
      TiffKind("CIELab", rgb, rgb, {.photometric = PHOTOMETRIC_CIELAB}),
  };
}

inline std::vector<FormatKind> OtherKinds() {
  const cv::Mat image = KindImage(), mask = KindMask(255);
  const std::string jpeg = Encode(".jpg", image), mask_jpeg = Encode(".jpg", mask);
  std::string cmyk = jpeg, animated = WebpOf(image);
  cmyk[cmyk.find("\xff\xc0") + 9] = 4;
  animated = TurnedWebp(animated, kKindWidth, kKindHeight, 1);
  animated[20] = 0x02;
  std::string run_length = PaletteBmp(mask, 8, GreyPalette(256));
  run_length[30] = 1;
  return {
      FileKind("JPEG, RGB or grey", jpeg, mask_jpeg),
      FileKind("JPEG, with an EXIF orientation", TurnedJpeg(jpeg, 6), TurnedJpeg(mask_jpeg, 6)),
      FileKind("JPEG, CMYK", cmyk, cmyk),
      FileKind("BMP, 24 or 32 bits", Encode(".bmp", image), Encode(".bmp", Threefold(mask))),
      FileKind("BMP, 8-bit grey", PaletteBmp(Indices(256), 8, GreyPalette(256)),
               PaletteBmp(mask, 8, GreyPalette(256))),
      FileKind("BMP, palette of 1, 4 or 8 bits", PaletteBmp(Indices(16), 4, ColourPalette(16)),
               PaletteBmp(KindMask(1), 4, ColourPalette(16))),
      FileKind("BMP, run-length compression", run_length, run_length),
      FileKind("WebP, without loss", WebpOf(image), WebpOf(Threefold(mask))),
      FileKind("WebP, without loss, with alpha", WebpOf(WithAlpha(image, 128)),
               WebpOf(WithAlpha(Threefold(mask), 128))),
      FileKind("WebP, with loss", WebpOf(image, 90), WebpOf(Threefold(mask), 90)),
      FileKind("WebP, with an EXIF orientation",
               TurnedWebp(WebpOf(image), kKindWidth, kKindHeight, 6),
               TurnedWebp(WebpOf(Threefold(mask)), kKindWidth, kKindHeight, 6)),
      FileKind("WebP, animated", animated, animated),
      FileKind("GIF", "GIF89a and more", "GIF89a and more"),
      FileKind("DICOM, under the name of another format", std::string(128, '\0') + "DICM",
               std::string(128, '\0') + "DICM"),
      FileKind("NIfTI, packed by gzip", "\x1f\x8b\x08 and more", "\x1f\x8b\x08 and more"),
      FileKind("HEIC", std::string("\0\0\0\x18", 4) + "ftypheic",
               std::string("\0\0\0\x18", 4) + "ftypheic"),
      FileKind("JPEG 2000", std::string("\0\0\0\x0cjP  ", 8), std::string("\0\0\0\x0cjP  ", 8)),
      FileKind("an empty file", "", ""),
      FileKind("any other file", "hello", "hello"),
  };
}

inline std::vector<FormatKind> AllFormatKinds() {
  std::vector<FormatKind> kinds = PngKinds();
  for (const auto& more : {TiffKinds(), OtherKinds()}) {
    kinds.insert(kinds.end(), more.begin(), more.end());
  }
  return kinds;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_DATA_FORMAT_KINDS_H_
