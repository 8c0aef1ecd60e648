#ifndef ALIGNFLOW_WORKER_DATA_PHANTOM_H_
#define ALIGNFLOW_WORKER_DATA_PHANTOM_H_

#include <cstdint>
#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/label_table.h"

// Made-up images with masks for demos and tests: nothing in them comes from a patient. What is
// shown (the anatomy) depends on kind, seed and index alone; the domain is the scanner that looks
// at it: colour, illumination, vignette, contrast, blur, noise, compression. So image i has the
// same mask in every domain. The same options give the same bytes on any number of threads.
namespace alignflow {

enum class PhantomKind {
  kFundus,  // eye ground: disc, cup, vessels, macula. Mask as in REFUGE: cup 0, disc 128,
            // background 255
  kPolyp,   // colonoscopy: mucosa, folds, lumen, one or two polyps. Mask: polyp 255, background 0
};
enum class PhantomDomain { kSource, kTargetA, kTargetB };

// "fundus", "polyp" and "source", "target-a", "target-b". InvalidArgument listing the valid names.
absl::StatusOr<PhantomKind> ParsePhantomKind(std::string_view name);
absl::StatusOr<PhantomDomain> ParsePhantomDomain(std::string_view name);

struct PhantomOptions {
  PhantomKind kind = PhantomKind::kPolyp;
  PhantomDomain domain = PhantomDomain::kSource;
  int count = 1;  // 1 to 1,000,000
  uint64_t seed = 0;
  int size = 64;  // side in pixels, 16 to 1024
};

struct Phantom {
  cv::Mat image;  // [size,size] BGR, 8 bits
  cv::Mat mask;   // [size,size] 8 bits, the values of PhantomLabels
};

LabelTable PhantomLabels(PhantomKind kind);

// InvalidArgument naming the option and its range.
absl::Status CheckPhantomOptions(const PhantomOptions& options);

// Phantom number `index` (from 0). The options must have passed CheckPhantomOptions. Thread-safe.
Phantom MakePhantom(const PhantomOptions& options, int index);

// Writes dir/images/000001.png, dir/masks/000001.png, ... and makes the folders. InvalidArgument
// for options out of range; AlreadyExists if dir/images or dir/masks already holds anything, so
// that two sets are never mixed; otherwise the file system's reason, naming the file.
absl::Status WritePhantoms(const PhantomOptions& options, const std::filesystem::path& dir);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_PHANTOM_H_
