#include "worker/figures/images.h"

#include <opencv2/core.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/data/mask_contrast.h"
#include "worker/metrics/distribution.h"
#include "worker/metrics/image_quality.h"
#include "worker/sets/pixels.h"

namespace alignflow {
namespace {

constexpr int64_t kResamples = 500;
constexpr int64_t kLpipsBatch = 16;
// Rounding to 8 bits alone gives 1.7e-6 where a picture is not flat.
constexpr double kLeastRoughness = 1e-7;

void AddMean(const std::string& name, const std::string& subject, const at::Tensor& by_image,
             const char* better, const char* unit, FigureTable& table) {
  table.Add({.name = name,
             .subject = subject,
             .value = by_image.mean().item<double>(),
             .interval = IntervalOfMean(by_image, kResamples, table.NextStream()),
             .better = better,
             .unit = unit,
             .note = "",
             .sample_count = by_image.size(0)});
}

// By image, the mean over the labels that its mask shows; images whose mask shows none are left
// out. double [n]
at::Tensor MaskContrasts(const ImageSet& set) {
  std::vector<double> contrasts;
  for (int64_t i = 0; set.classes.defined() && i < set.size(); ++i) {
    const cv::Mat image = ImageOfTensor(set.images[i]);
    const cv::Mat mask = MaskOfTensor(set.classes[i], set.labels);
    double sum = 0;
    int shown = 0;
    for (const LabelTable::Label& label : set.labels.labels()) {
      if (cv::countNonZero(mask == label.value) == 0) continue;
      sum += MaskContrast(image, mask, label.value);
      ++shown;
    }
    if (shown > 0) contrasts.push_back(sum / shown);
  }
  return at::tensor(contrasts, at::kDouble);
}

at::Tensor RoughnessOf(const ImageSet& set) { return Roughness(ImagesFromBytes(set.images)); }

at::Tensor LpipsOf(const Lpips& net, const at::Tensor& a, const at::Tensor& b, at::Device device,
                   const std::function<void()>& each_batch) {
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < a.size(0); i += kLpipsBatch) {
    each_batch();
    parts.push_back(net.Distance(ImagesFromBytes(a.slice(0, i, i + kLpipsBatch), device),
                                 ImagesFromBytes(b.slice(0, i, i + kLpipsBatch), device))
                        .cpu());
  }
  return at::cat(parts);
}

}  // namespace

void AddImageFigures(const FigureSets& sets, FigureTable& table) {
  const double fine = RoughnessOf(sets.target.set).mean().item<double>();
  for (const FigureSubject& subject : sets.subjects) {
    if (fine >= kLeastRoughness) {
      AddMean("roughness (target = 1)", subject.name, RoughnessOf(subject.set) / fine, "", "",
              table);
    } else if (&subject == &sets.made()) {
      table.Add({.name = "roughness (target = 1)",
                 .subject = subject.name,
                 .value = {},
                 .interval = {},
                 .better = "",
                 .unit = "",
                 .note = absl::StrCat("not available: the images of the ", sets.target.name,
                                      " have no fine detail to compare with"),
                 .sample_count = subject.size()});
    }
  }
  const auto add_contrast = [&](const FigureSubject& subject) {
    const at::Tensor contrasts = MaskContrasts(subject.set);
    if (contrasts.size(0) == 0) return;
    AddMean("mask contrast", subject.name, contrasts, "higher", "", table);
  };
  for (const FigureSubject& subject : sets.subjects) add_contrast(subject);
  add_contrast(sets.target);
}

void AddLikeness(const FigureSets& sets, const LpipsModel& lpips, at::Device device,
                 const std::function<void()>& each_batch, FigureTable& table) {
  for (const FigureSubject& subject : sets.subjects) {
    if (!subject.generated()) continue;
    std::vector<int64_t> with_origin, origins;
    for (int64_t row = 0; row < subject.size(); ++row) {
      const std::optional<int64_t> origin = OriginRow(subject, row, sets.source());
      if (!origin) continue;
      with_origin.push_back(row);
      origins.push_back(*origin);
    }
    const at::Tensor in_target =
        at::arange(subject.size(), at::kLong).remainder(sets.target.size());
    const auto add = [&](const std::string& to, const at::Tensor& a, const at::Tensor& b) {
      AddMean("ssim" + to, subject.name, StructuralSimilarity(a, b), "higher", "", table);
      AddMean("psnr" + to, subject.name, PeakSignalToNoise(a, b), "higher", "dB", table);
      if (lpips.net) {
        AddMean("lpips" + to, subject.name, LpipsOf(*lpips.net, a, b, device, each_batch), "lower",
                "", table);
      } else if (&subject == &sets.made()) {
        table.Add({.name = "lpips" + to,
                   .subject = subject.name,
                   .value = {},
                   .interval = {},
                   .better = "lower",
                   .unit = "",
                   .note = lpips.missing,
                   .sample_count = a.size(0)});
      }
    };
    add(sets.To(), subject.set.images, sets.target.set.images.index_select(0, in_target));
    if (origins.empty()) continue;
    add(" to source image", subject.set.images.index_select(0, at::tensor(with_origin, at::kLong)),
        sets.source().set.images.index_select(0, at::tensor(origins, at::kLong)));
  }
}

}  // namespace alignflow
