#ifndef ALIGNFLOW_WORKER_DATA_CONTACT_SHEET_H_
#define ALIGNFLOW_WORKER_DATA_CONTACT_SHEET_H_

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace alignflow {

struct ContactSheetColumn {
  std::string title = {};  // ASCII; one or two words
  std::vector<cv::Mat>
      images;  // BGR, 8 bits, any sizes; top to bottom; empty: its place stays free
  std::vector<cv::Mat>
      masks;  // none, or one per image: classes or grey values, one channel, of the image's size
};

struct ContactSheetOptions {
  std::string title = {};   // above the sheet; none if empty
  std::string footer = {};  // small, below the sheet; none if empty
  int tile = 128;  // width of a tile in pixels; images are brought to it with their aspect kept
  int tile_height = 0;      // 0: as wide
  int mask_background = 0;  // the masks' value that gets no outline
};

// A labelled grid, one column per entry, BGR, for a PNG. Where a column has masks, the outline of
// every other value than the background is drawn over the image. Columns may have different
// lengths; a short one ends early. Pure, thread-safe.
cv::Mat ContactSheet(const std::vector<ContactSheetColumn>& columns,
                     const ContactSheetOptions& options);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_CONTACT_SHEET_H_
