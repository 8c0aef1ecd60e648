#include "worker/data/phantom.h"

#include <atomic>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <system_error>

#include "absl/strings/str_format.h"
#include "common/partial_file.h"
#include "worker/data/image_decode.h"
#include "worker/data/phantom_scene.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr int kMinSide = 256;

// Each pixel gets the value that most of its area has, the lower one in a tie.
cv::Mat MajorityDownsample(const cv::Mat& mask, const LabelTable& labels, int size) {
  cv::Mat best(size, size, CV_32F, cv::Scalar(-1)), result(size, size, CV_8U, cv::Scalar(0));
  for (int c = 0; c < labels.classes(); ++c) {
    cv::Mat share, wins;
    cv::Mat(mask == labels.ValueOf(c)).convertTo(share, CV_32F, 1.0 / 255);
    cv::resize(share, share, {size, size}, 0, 0, cv::INTER_AREA);
    wins = share > best;
    share.copyTo(best, wins);
    result.setTo(labels.ValueOf(c), wins);
  }
  return result;
}

absl::Status WriteFile(const fs::path& path, const std::string& bytes) {
  PartialFile file(path);
  absl::Status written = file.Append(bytes);
  return written.ok() ? file.Rename() : written;
}

// Everything in a folder that was empty.
void Empty(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) fs::remove(entry, ignored);
}

absl::Status MakeEmptyFolder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return absl::PermissionDeniedError(absl::StrFormat("%s: %s", path.string(), error.message()));
  }
  if (fs::is_empty(path, error)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrFormat("%s: the folder is not empty; choose another, or remove it", path.string()));
}

}  // namespace

absl::StatusOr<PhantomKind> ParsePhantomKind(std::string_view name) {
  if (name == "fundus") return PhantomKind::kFundus;
  if (name == "polyp") return PhantomKind::kPolyp;
  return absl::InvalidArgumentError(
      absl::StrFormat("kind '%s' is not known; use fundus, polyp or volume", name));
}

absl::StatusOr<PhantomDomain> ParsePhantomDomain(std::string_view name) {
  if (name == "source") return PhantomDomain::kSource;
  if (name == "target-a") return PhantomDomain::kTargetA;
  if (name == "target-b") return PhantomDomain::kTargetB;
  return absl::InvalidArgumentError(
      absl::StrFormat("domain '%s' is not known; use source, target-a or target-b", name));
}

LabelTable PhantomLabels(PhantomKind kind) {
  return *LabelTable::Parse(kind == PhantomKind::kFundus ? "cup=0,disc=128" : "polyp=255");
}

absl::Status CheckPhantomOptions(const PhantomOptions& options) {
  if (options.count < 1 || options.count > 1000000) {
    return absl::InvalidArgumentError(
        absl::StrFormat("count is %d; it must be between 1 and 1000000", options.count));
  }
  if (options.size < 16 || options.size > 1024) {
    return absl::InvalidArgumentError(
        absl::StrFormat("size is %d; it must be between 16 and 1024 pixels", options.size));
  }
  return absl::OkStatus();
}

Phantom MakePhantom(const PhantomOptions& options, int index) {
  // A whole number of rendered pixels per final one.
  const int factor = std::max(4, (kMinSide + options.size - 1) / options.size);
  const auto render = options.kind == PhantomKind::kFundus ? RenderFundus : RenderPolyp;
  const PhantomScene scene = render(options.seed, index, factor * options.size);
  return {Scan(scene, options.domain, options.seed, index, options.size),
          MajorityDownsample(scene.mask, PhantomLabels(options.kind), options.size)};
}

absl::Status WritePhantoms(const PhantomOptions& options, const fs::path& dir) {
  if (absl::Status s = CheckPhantomOptions(options); !s.ok()) return s;
  for (const char* folder : {"images", "masks"}) {
    if (absl::Status s = MakeEmptyFolder(dir / folder); !s.ok()) return s;
  }
  std::mutex mutex;
  absl::Status first_error;
  std::atomic<bool> failed = false;
  cv::parallel_for_({0, options.count}, [&](const cv::Range& range) {
    for (int i = range.start; i < range.end && !failed; ++i) {
      const Phantom phantom = MakePhantom(options, i);
      const std::string name = absl::StrFormat("%06d.png", i + 1);
      for (const auto& [folder, pixels] :
           {std::pair("images", phantom.image), {"masks", phantom.mask}}) {
        const absl::StatusOr<std::string> png = EncodePng(pixels);
        const absl::Status status = png.ok() ? WriteFile(dir / folder / name, *png) : png.status();
        if (status.ok()) continue;
        const std::lock_guard lock(mutex);
        first_error.Update(status);
        failed = true;
      }
    }
  });
  // A part of the set would be taken for the whole.
  for (const char* folder : {"images", "masks"}) {
    if (!first_error.ok()) Empty(dir / folder);
  }
  return first_error;
}

}  // namespace alignflow
