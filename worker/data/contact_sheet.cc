#include "worker/data/contact_sheet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <opencv2/imgproc.hpp>

namespace alignflow {
namespace {

constexpr int kMargin = 20;
constexpr int kGap = 6;         // between tiles of a column
constexpr int kColumnGap = 14;  // between columns
constexpr double kTitleHeight = 15, kHeadingHeight = 11, kFooterHeight = 9;  // capitals, pixels
const cv::Scalar kPaper(252, 252, 252), kInk(48, 40, 36), kFaint(128, 120, 116);

// OpenCV's fonts are strokes for large sizes: they are drawn four times too large and averaged
// down, which gives small text even weight.
constexpr int kOversample = 4;

struct TextStyle {
  double height;  // of a capital, pixels
  cv::Scalar color;
  int weight = 1;  // stroke, pixels / 2 or so
};

double FontScale(const TextStyle& style) {
  return cv::getFontScaleFromHeight(cv::FONT_HERSHEY_SIMPLEX,
                                    static_cast<int>(std::lround(style.height * kOversample)), 1);
}

int TextWidth(const std::string& text, const TextStyle& style) {
  int below;
  return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, FontScale(style), style.weight * 5, &below)
             .width /
         kOversample;
}

// `left`, `baseline`: where the text begins.
void DrawText(cv::Mat& sheet, const std::string& text, int left, int baseline,
              const TextStyle& style) {
  const int above = static_cast<int>(style.height * 2), below = static_cast<int>(style.height);
  cv::Mat ink(cv::Size(TextWidth(text, style) + 8, above + below) * kOversample, CV_8U,
              cv::Scalar(0));
  cv::putText(ink, text, {0, above * kOversample}, cv::FONT_HERSHEY_SIMPLEX, FontScale(style),
              cv::Scalar(255), style.weight * 5, cv::LINE_AA);
  cv::resize(ink, ink, ink.size() / kOversample, 0, 0, cv::INTER_AREA);
  const cv::Rect place =
      cv::Rect({left, baseline - above}, ink.size()) & cv::Rect({}, sheet.size());
  for (int y = place.y; y < place.br().y; ++y) {
    for (int x = place.x; x < place.br().x; ++x) {
      const double share = ink.at<uint8_t>(y - baseline + above, x - left) / 255.0;
      auto& pixel = sheet.at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c) {
        pixel[c] = cv::saturate_cast<uint8_t>(pixel[c] * (1 - share) + style.color[c] * share);
      }
    }
  }
}

// Outlines of every value but the background's. The mask is enlarged smoothly first, so that a
// coarse mask gives the curve it stands for and not stairs.
void DrawOutlines(cv::Mat& tile, const cv::Mat& mask, int background) {
  static const std::array<cv::Scalar, 4> kColors = {
      cv::Scalar(140, 255, 120), {255, 220, 90}, {120, 190, 255}, {255, 150, 255}};
  constexpr int kShift = 4;  // fractional bits of drawn coordinates
  size_t color = 0;
  for (int value = 0; value < 256; ++value) {
    cv::Mat inside = mask == value;
    if (value == background || cv::countNonZero(inside) == 0) continue;
    cv::resize(inside, inside, tile.size() * 4, 0, 0, cv::INTER_CUBIC);
    std::vector<std::vector<cv::Point>> outlines;
    cv::findContours(inside > 127, outlines, cv::RETR_LIST, cv::CHAIN_APPROX_NONE);
    for (auto& outline : outlines) {
      for (cv::Point& point : outline) point *= (1 << kShift) / 4;
    }
    cv::polylines(tile, outlines, true, kColors[color++ % kColors.size()], 1, cv::LINE_AA, kShift);
  }
}

int HeightOf(const ContactSheetOptions& options) {
  return options.tile_height > 0 ? options.tile_height : options.tile;
}

cv::Mat MakeTile(const cv::Mat& image, const cv::Mat* mask, const ContactSheetOptions& options) {
  const double scale = std::min(static_cast<double>(options.tile) / image.cols,
                                static_cast<double>(HeightOf(options)) / image.rows);
  const cv::Size size(std::max(1, static_cast<int>(std::lround(image.cols * scale))),
                      std::max(1, static_cast<int>(std::lround(image.rows * scale))));
  cv::Mat tile;
  cv::resize(image, tile, size, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
  if (mask != nullptr) DrawOutlines(tile, *mask, options.mask_background);
  return tile;
}

}  // namespace

cv::Mat ContactSheet(const std::vector<ContactSheetColumn>& columns,
                     const ContactSheetOptions& options) {
  const TextStyle title{kTitleHeight, kInk, 2}, heading{kHeadingHeight, kInk, 1},
      footer{kFooterHeight, kFaint, 1};
  const int tile_height = HeightOf(options);
  size_t rows = 0;
  for (const auto& column : columns) rows = std::max(rows, column.images.size());
  const int count = static_cast<int>(columns.size());
  const int top = kMargin + (options.title.empty() ? 0 : 36) + 26;
  const int bottom = kMargin + (options.footer.empty() ? 0 : 22);
  const int grid = count * options.tile + std::max(0, count - 1) * kColumnGap;
  const int text = std::max(TextWidth(options.title, title), TextWidth(options.footer, footer));
  const int height =
      top + static_cast<int>(rows) * (tile_height + kGap) - (rows > 0 ? kGap : 0) + bottom;
  cv::Mat sheet(height, 2 * kMargin + std::max(grid, text), CV_8UC3, kPaper);

  if (!options.title.empty()) DrawText(sheet, options.title, kMargin, kMargin + 16, title);
  if (!options.footer.empty())
    DrawText(sheet, options.footer, kMargin, height - kMargin + 4, footer);
  for (int c = 0; c < count; ++c) {
    const ContactSheetColumn& column = columns[c];
    const int left = kMargin + c * (options.tile + kColumnGap);
    DrawText(sheet, column.title, left, top - 10, heading);
    for (size_t r = 0; r < column.images.size(); ++r) {
      if (column.images[r].empty()) continue;
      const cv::Mat* mask = r < column.masks.size() ? &column.masks[r] : nullptr;
      const cv::Mat tile = MakeTile(column.images[r], mask, options);
      const int y = top + static_cast<int>(r) * (tile_height + kGap);
      tile.copyTo(
          sheet(cv::Rect({left + (options.tile - tile.cols) / 2, y + (tile_height - tile.rows) / 2},
                         tile.size())));
    }
  }
  return sheet;
}

}  // namespace alignflow
