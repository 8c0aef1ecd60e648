#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_WINDOW_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_WINDOW_H_

#include <cstdint>
#include <vector>

#include "worker/dicom/grey_window.h"

// Which of a volume's values are shown from black to white. Pure, thread-safe.
namespace alignflow {

struct ValueRange {
  double low = 0, high = 0;
  bool operator==(const ValueRange&) const = default;

  // 0 to 255, rounded; what lies outside is cut off.
  uint8_t ByteOf(float value) const;
  // The value that a byte stands for.
  float ValueOf(uint8_t byte) const {
    return static_cast<float>(low + (high - low) * byte / 255.0);
  }
};

ValueRange RangeOf(const GreyWindow& window);

// What 0.5 % and 99.5 % of a volume's own values lie below: MR has no common scale. Of large
// volumes a million voxels, equally spaced, tell. Never empty.
ValueRange OwnRange(const std::vector<float>& voxels);

// Whether values look like Hounsfield units: air around the patient, and nothing much below it.
bool LooksLikeHounsfield(const std::vector<float>& voxels);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_WINDOW_H_
