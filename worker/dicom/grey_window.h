#ifndef ALIGNFLOW_WORKER_DICOM_GREY_WINDOW_H_
#define ALIGNFLOW_WORKER_DICOM_GREY_WINDOW_H_

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// Which values of an image are shown as black, grey and white (PS3.3, C.11.2). Pure, thread-safe.
namespace alignflow {

enum class WindowFunction { kLinear, kLinearExact, kSigmoid };

struct GreyWindow {
  double centre = 0;  // in the image's values: Hounsfield units of a CT
  double width = 0;   // likewise, above 0; at least 1 where the function is kLinear
  WindowFunction function = WindowFunction::kLinear;
  bool operator==(const GreyWindow&) const = default;
};

// Whether width and centre are such as the function can have.
bool IsUsable(const GreyWindow& window);

// values: CV_32F, one channel. 8 bits: 0 for what is below the window, 255 for what is above.
cv::Mat Windowed(const cv::Mat& values, const GreyWindow& window);

// What a user has chosen.
struct ChosenWindow {
  GreyWindow window;
  std::string name;  // "ct-lung"; empty for numbers
  bool IsOfCt() const { return !name.empty(); }
};

// "CENTRE,WIDTH" or one of the names. InvalidArgument with what is accepted.
absl::StatusOr<ChosenWindow> ParseWindow(std::string_view text);
// "ct-bone", "ct-brain", ...
std::vector<std::string> WindowNames();

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_GREY_WINDOW_H_
