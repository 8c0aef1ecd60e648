#ifndef ALIGNFLOW_TESTS_AGREEMENT_RANDOM_SET_H_
#define ALIGNFLOW_TESTS_AGREEMENT_RANDOM_SET_H_

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "common/data/label_table.h"
#include "tests/worker/data/format_samples.h"
#include "worker/data/stored_image.h"

// Good datasets at random: sizes, depths, containers, orientations, and label tables of greys and
// colours.
namespace alignflow {

struct RandomPair {
  std::string name;
  std::string told;  // how the files are coded, for messages
  std::string image_bytes, mask_bytes;
  cv::Mat image;    // BGR as it is to be looked at, 8 or 16 bits
  cv::Mat classes;  // likewise
  bool lossy_image = false, lossy_mask = false;
};

struct RandomSet {
  LabelTable labels;
  std::vector<RandomPair> pairs;
  int sample_bits = 16;
};

using Random = std::mt19937;

template <typename Value>
Value OneOf(const std::vector<Value>& values, Random& random) {
  return values[random() % values.size()];
}

// Greys that fit `bits` bits stretched to 8, or colours.
inline LabelTable RandomLabels(int bits, bool coloured, Random& random) {
  std::vector<int> greys;
  const int levels = 1 << bits;
  for (int i = 0; i < levels; ++i) greys.push_back(i * 255 / (levels - 1));
  std::shuffle(greys.begin(), greys.end(), random);
  const int classes = std::min<int>(2 + random() % 4, levels);
  std::vector<LabelTable::Label> labels;
  for (int i = 1; i < classes; ++i) {
    labels.push_back({"label-" + std::to_string(i), greys[i]});
    // Far from each other, so that loss does not mix them up.
    labels.back().colour =
        ColourPalette(8)[i][2] << 16 | ColourPalette(8)[i][1] << 8 | ColourPalette(8)[i][0];
  }
  if (coloured) return *LabelTable::MakeColoured(labels, 0);
  for (LabelTable::Label& label : labels) label.colour.reset();
  return *LabelTable::Make(labels, greys[0]);
}

// The picture as a file stores it that says `orientation`.
inline cv::Mat Unturned(const cv::Mat& picture, int orientation) {
  const int back = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
  return Oriented(picture, back).clone();
}

inline cv::Mat Rgb(const cv::Mat& bgr) {
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return rgb;
}

// ---- images ----

inline cv::Mat SmoothPicture(int width, int height, Random& random) {
  cv::Mat small(3, 4, CV_8UC3), picture;
  for (auto pixel = small.begin<cv::Vec3b>(); pixel != small.end<cv::Vec3b>(); ++pixel) {
    for (int k = 0; k < 3; ++k) (*pixel)[k] = static_cast<uint8_t>(random());
  }
  cv::resize(small, picture, cv::Size(width, height), 0, 0, cv::INTER_LINEAR);
  return picture;
}

inline void CodeImage(int sample_bits, Random& random, RandomPair& pair) {
  const int width = 40 + static_cast<int>(random() % 60),
            height = 40 + static_cast<int>(random() % 60);
  pair.image = SmoothPicture(width, height, random);
  const int coding = static_cast<int>(random() % 8), turn = 1 + static_cast<int>(random() % 8);
  const cv::Mat stored = Unturned(pair.image, turn);
  pair.told = " (image: coding " + std::to_string(coding) + ", orientation " + std::to_string(turn);
  const TiffWriting tiff{
      .photometric = PHOTOMETRIC_RGB,
      .compression =
          OneOf<int>({COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE}, random),
      .tile = OneOf<int>({0, 16, 48, 128}, random),
      .strip = OneOf<int>({1, 7, 1000}, random),
      .apart = random() % 2 == 0,
      .orientation = turn};
  switch (coding) {
    case 0:
      pair.image_bytes = PngOf(
          Rgb(stored),
          {.color = PNG_COLOR_TYPE_RGB, .interlaced = random() % 2 == 0, .orientation = turn});
      return;
    case 1:
      pair.image_bytes = TurnedJpeg(Encode(".jpg", stored), turn);
      pair.lossy_image = true;
      return;
    case 2:
      pair.image_bytes = TurnedWebp(WebpOf(stored), stored.cols, stored.rows, turn);
      return;
    case 3:
      pair.image_bytes = Encode(".bmp", pair.image);
      return;
    case 4:
    case 5:
      pair.image_bytes = TiffOf(Rgb(stored), tiff);
      return;
    default: {  // 16 bits per sample, of which some are used
      const int white = (1 << sample_bits) - 1;
      cv::Mat deep;
      pair.image.convertTo(deep, CV_16U, white / 255.0);
      deep.at<cv::Vec3w>(0, 0) = cv::Vec3w::all(static_cast<uint16_t>(white));
      pair.image = deep;
      const cv::Mat deep_stored = Unturned(deep, turn);
      TiffWriting deep_tiff = tiff;
      deep_tiff.bits = 16;
      pair.image_bytes =
          coding == 6 ? TiffOf(Rgb(deep_stored), deep_tiff)
                      : PngOf(Rgb(deep_stored),
                              {.color = PNG_COLOR_TYPE_RGB, .bits = 16, .orientation = turn});
    }
  }
}

// ---- masks ----

inline cv::Mat RandomClasses(cv::Size size, int classes, Random& random) {
  cv::Mat mask(size, CV_8U, cv::Scalar(0));
  for (int i = 1; i < classes; ++i) {
    const int x = static_cast<int>(random() % (size.width / 2)),
              y = static_cast<int>(random() % (size.height / 2));
    mask(cv::Rect(x, y, size.width / 3, size.height / 3)) = i;
  }
  return mask;
}

// One channel of label values, or BGR of colours.
inline cv::Mat Painted(const cv::Mat& classes, const LabelTable& labels) {
  cv::Mat painted(classes.size(), labels.coloured() ? CV_8UC3 : CV_8U);
  for (int row = 0; row < classes.rows; ++row) {
    for (int column = 0; column < classes.cols; ++column) {
      const int label = classes.at<uint8_t>(row, column);
      if (!labels.coloured()) {
        painted.at<uint8_t>(row, column) = static_cast<uint8_t>(labels.ValueOf(label));
        continue;
      }
      const uint32_t colour = labels.ColourOf(label);
      painted.at<cv::Vec3b>(row, column) = cv::Vec3b(colour & 255, colour >> 8 & 255, colour >> 16);
    }
  }
  return painted;
}

inline std::vector<cv::Vec3b> PaletteOf(const LabelTable& labels) {
  std::vector<cv::Vec3b> palette;
  for (int label = 0; label < labels.classes(); ++label) {
    const uint32_t colour = labels.ColourOf(label);
    palette.emplace_back(colour & 255, colour >> 8 & 255, colour >> 16);
  }
  return palette;
}

inline std::string CodeColours(const cv::Mat& classes, const cv::Mat& bgr, const LabelTable& labels,
                               int turn, int coding) {
  switch (coding % 5) {
    case 0:
      return PngOf(Rgb(bgr), {.color = PNG_COLOR_TYPE_RGB, .orientation = turn});
    case 1:
      return PngOf(WithAlpha(Rgb(bgr), 200),
                   {.color = PNG_COLOR_TYPE_RGB_ALPHA, .orientation = turn});
    case 2:
      return PngOf(
          classes,
          {.color = PNG_COLOR_TYPE_PALETTE, .palette = PaletteOf(labels), .orientation = turn});
    case 3:
      return TiffOf(classes, {.photometric = PHOTOMETRIC_PALETTE,
                              .tile = 32,
                              .orientation = turn,
                              .palette = PaletteOf(labels)});
    default:
      return TurnedWebp(WebpOf(bgr), bgr.cols, bgr.rows, turn);
  }
}

inline std::string CodeGreys(const cv::Mat& values, int bits, int turn, int coding) {
  cv::Mat packed = values / (255 / ((1 << bits) - 1)), deep;
  switch (coding % 8) {
    case 0:
      return PngOf(packed, {.bits = bits, .orientation = turn});
    case 1:
      return TiffOf(packed, {.bits = bits, .orientation = turn});
    case 2:
      return PngOf(Threefold(values), {.color = PNG_COLOR_TYPE_RGB, .orientation = turn});
    case 3:
      cv::merge(std::vector<cv::Mat>{values, cv::Mat(values.size(), CV_8U, cv::Scalar(9))}, deep);
      return PngOf(deep, {.color = PNG_COLOR_TYPE_GRAY_ALPHA, .orientation = turn});
    case 4:
      values.convertTo(deep, CV_16U);
      return PngOf(deep, {.bits = 16, .orientation = turn});
    case 5:
      values.convertTo(deep, CV_16U, 257);
      return TiffOf(deep, {.bits = 16, .orientation = turn});
    case 6:
      return PngOf(
          values,
          {.color = PNG_COLOR_TYPE_PALETTE, .palette = GreyPalette(256), .orientation = turn});
    default:
      return TurnedWebp(WebpOf(Threefold(values)), values.cols, values.rows, turn);
  }
}

// Whether the values are so far apart that loss cannot mix them up.
inline bool FarApart(const LabelTable& labels) {
  std::vector<int> values = {labels.background()};
  for (const LabelTable::Label& label : labels.labels()) values.push_back(label.value);
  std::ranges::sort(values);
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] - values[i - 1] < 80) return false;
  }
  return true;
}

inline void CodeMask(const LabelTable& labels, int bits, Random& random, RandomPair& pair) {
  pair.classes = RandomClasses(pair.image.size(), labels.classes(), random);
  const int coding = static_cast<int>(random() % 10), turn = 1 + static_cast<int>(random() % 8);
  pair.told +=
      "; mask: coding " + std::to_string(coding) + ", orientation " + std::to_string(turn) + ")";
  const cv::Mat classes = Unturned(pair.classes, turn), painted = Painted(classes, labels);
  if (labels.coloured()) {
    pair.mask_bytes = CodeColours(classes, painted, labels, turn, coding);
  } else if (coding >= 8 && FarApart(labels)) {
    std::vector<uint8_t> jpeg;
    cv::imencode(".jpg", painted, jpeg, {cv::IMWRITE_JPEG_QUALITY, 98});
    pair.mask_bytes = TurnedJpeg(std::string(jpeg.begin(), jpeg.end()), turn);
    pair.lossy_mask = true;
  } else {
    pair.mask_bytes = CodeGreys(painted, bits, turn, coding);
  }
}

inline RandomSet MakeRandomSet(Random& random) {
  RandomSet set;
  const int bits = OneOf<int>({1, 2, 4, 8, 8}, random);
  set.labels = RandomLabels(bits, random() % 3 == 0, random);
  const int sample_bits = 9 + static_cast<int>(random() % 8);
  for (int i = 0; i < 3; ++i) {
    RandomPair pair;
    pair.name = "item-" + std::to_string(i);
    CodeImage(sample_bits, random, pair);
    CodeMask(set.labels, bits, random, pair);
    if (pair.image.depth() == CV_16U) set.sample_bits = sample_bits;
    set.pairs.push_back(std::move(pair));
  }
  return set;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_AGREEMENT_RANDOM_SET_H_
