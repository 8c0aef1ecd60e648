#include "worker/dicom/grey_window.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace alignflow {
namespace {

struct NamedWindow {
  const char* name;
  double centre, width;  // Hounsfield units
};
// As reading rooms have them.
constexpr std::array<NamedWindow, 8> kNamed = {{{"ct-abdomen", 50, 400},
                                                {"ct-bone", 400, 1800},
                                                {"ct-brain", 40, 80},
                                                {"ct-liver", 30, 150},
                                                {"ct-lung", -600, 1500},
                                                {"ct-mediastinum", 50, 350},
                                                {"ct-soft-tissue", 40, 400},
                                                {"ct-stroke", 40, 40}}};

// 0 to 1.
double Shown(double value, const GreyWindow& window) {
  const double centre = window.centre, width = window.width;
  double shown = 0;
  switch (window.function) {
    case WindowFunction::kLinear:  // equation of C.11.2.1.2.1
      if (value <= centre - 0.5 - (width - 1) / 2) return 0;
      if (value > centre - 0.5 + (width - 1) / 2) return 1;
      shown = (value - (centre - 0.5)) / (width - 1) + 0.5;
      break;
    case WindowFunction::kLinearExact:  // C.11.2.1.3.2
      shown = (value - centre) / width + 0.5;
      break;
    case WindowFunction::kSigmoid:  // C.11.2.1.3.1
      shown = 1 / (1 + std::exp(-4 * (value - centre) / width));
      break;
  }
  return std::clamp(shown, 0.0, 1.0);
}

}  // namespace

bool IsUsable(const GreyWindow& window) {
  const double least = window.function == WindowFunction::kLinear ? 1 : 0;
  return std::isfinite(window.centre) && std::isfinite(window.width) && window.width >= least &&
         window.width > 0;
}

cv::Mat Windowed(const cv::Mat& values, const GreyWindow& window) {
  cv::Mat grey(values.size(), CV_8U);
  for (int row = 0; row < values.rows; ++row) {
    const float* from = values.ptr<float>(row);
    uint8_t* to = grey.ptr<uint8_t>(row);
    for (int column = 0; column < values.cols; ++column) {
      to[column] = static_cast<uint8_t>(std::lrint(255 * Shown(from[column], window)));
    }
  }
  return grey;
}

absl::StatusOr<ChosenWindow> ParseWindow(std::string_view text) {
  for (const NamedWindow& named : kNamed) {
    if (text == named.name) {
      return ChosenWindow{{named.centre, named.width, WindowFunction::kLinear}, named.name};
    }
  }
  const std::vector<std::string> parts = absl::StrSplit(std::string(text), ',');
  ChosenWindow chosen;
  if (parts.size() == 2 && absl::SimpleAtod(parts[0], &chosen.window.centre) &&
      absl::SimpleAtod(parts[1], &chosen.window.width) && IsUsable(chosen.window)) {
    return chosen;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(text),
                   "' is no window; give CENTRE,WIDTH with a width of at least 1, such as "
                   "40,400, or percentiles, or one of ",
                   absl::StrJoin(WindowNames(), ", ")));
}

std::vector<std::string> WindowNames() {
  std::vector<std::string> names;
  for (const NamedWindow& named : kNamed) names.emplace_back(named.name);
  return names;
}

}  // namespace alignflow
