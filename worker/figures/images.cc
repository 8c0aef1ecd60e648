#include "worker/figures/images.h"

#include <functional>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/data/mask_contrast.h"
#include "worker/metrics/distribution.h"
#include "worker/metrics/image_quality.h"
#include "worker/sets/pixels.h"

namespace alignflow {
namespace {

constexpr int64_t kImageResamples = 500;
constexpr int64_t kImageBatch = 16;
// Rounding to 8 bits alone gives 1.7e-6 where a picture is not flat.
constexpr double kLeastRoughness = 1e-7;

void AddMean(const std::string& name, const std::string& subject, const at::Tensor& by_image,
             const char* better, const char* unit, FigureTable& table) {
  table.Add({.name = name,
             .subject = subject,
             .value = by_image.mean().item<double>(),
             .interval = IntervalOfMean(by_image, kImageResamples, table.NextStream()),
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

at::Tensor RoughnessOf(const ImageSet& set) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : set.images.split(Together(set.images, kImageBatch))) {
    parts.push_back(Roughness(ImagesFromBytes(part)));
  }
  return at::cat(parts);
}

// Images of two sets that are held against each other, row by row.
struct Matched {
  const ImageSet& a;
  const ImageSet& b;
  std::vector<int64_t> rows_a, rows_b;
};

// A likeness of images uint8 [B,3,H,W] by image: [B].
using Likeness = std::function<at::Tensor(const at::Tensor& a, const at::Tensor& b)>;

at::Tensor ByImage(const Matched& matched, const Likeness& likeness,
                   const std::function<void()>& each_batch) {
  std::vector<at::Tensor> parts;
  const at::Tensor rows_a = at::tensor(matched.rows_a, at::kLong);
  const at::Tensor rows_b = at::tensor(matched.rows_b, at::kLong);
  const int64_t together = Together(matched.a.images, kImageBatch);
  for (int64_t i = 0; i < rows_a.size(0); i += together) {
    each_batch();
    parts.push_back(likeness(matched.a.images.index_select(0, rows_a.slice(0, i, i + together)),
                             matched.b.images.index_select(0, rows_b.slice(0, i, i + together))));
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
  if (!sets.IsTarget(sets.source())) add_contrast(sets.target);
}

void AddLikeness(const FigureSets& sets, const LpipsModel& lpips, at::Device device,
                 const std::function<void()>& each_batch, FigureTable& table) {
  const Likeness perceived = [&](const at::Tensor& a, const at::Tensor& b) {
    return lpips.net->Distance(ImagesFromBytes(a, device), ImagesFromBytes(b, device)).cpu();
  };
  for (const FigureSubject& subject : sets.subjects) {
    if (!subject.generated()) continue;
    Matched to_target{.a = subject.set, .b = sets.target.set, .rows_a = {}, .rows_b = {}};
    Matched to_origin{.a = subject.set, .b = sets.origins().set, .rows_a = {}, .rows_b = {}};
    for (int64_t row = 0; row < subject.size(); ++row) {
      to_target.rows_a.push_back(row);
      to_target.rows_b.push_back(row % sets.target.size());
      const std::optional<int64_t> origin = OriginRow(subject, row, sets.origins());
      if (!origin) continue;
      to_origin.rows_a.push_back(row);
      to_origin.rows_b.push_back(*origin);
    }
    const auto add = [&](const std::string& to, const Matched& matched) {
      AddMean("ssim" + to, subject.name, ByImage(matched, StructuralSimilarity, each_batch),
              "higher", "", table);
      AddMean("psnr" + to, subject.name, ByImage(matched, PeakSignalToNoise, each_batch), "higher",
              "dB", table);
      if (lpips.net) {
        AddMean("lpips" + to, subject.name, ByImage(matched, perceived, each_batch), "lower", "",
                table);
      } else if (&subject == &sets.made()) {
        table.Add({.name = "lpips" + to,
                   .subject = subject.name,
                   .value = {},
                   .interval = {},
                   .better = "lower",
                   .unit = "",
                   .note = lpips.missing,
                   .sample_count = static_cast<int64_t>(matched.rows_a.size())});
      }
    };
    // Images of the source say something of those whose masks the pairs have alone.
    if (!sets.IsTarget(sets.source())) add(sets.To(), to_target);
    if (!to_origin.rows_a.empty()) add(" to source image", to_origin);
  }
}

}  // namespace alignflow
