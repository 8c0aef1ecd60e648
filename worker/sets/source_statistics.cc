#include "worker/sets/source_statistics.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "worker/models/safetensors.h"
#include "worker/sets/volume_row.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr char kStatisticsFormatKey[] = "alignflow.format";
constexpr char kStatisticsFormat[] = "statistics-1";
// Pixels of the images that are looked at together; the filter bank takes 200 bytes for each.
constexpr int64_t kPixelsTogether = int64_t{6} << 20;
constexpr int64_t kMostImagesTogether = 64;

}  // namespace

SourceStatistics DescribeSource(const ImageSet& source, at::Device device,
                                const std::function<void(int64_t done)>& progress) {
  if (source.size() < 2) {
    throw TaskError(absl::InvalidArgumentError(
        "the source has 1 image; at least 2 are needed to tell what its images have in common, and "
        "some hundred to learn from: push it again with more"));
  }
  const at::NoGradGuard no_grad;
  const int64_t count = source.size();
  FilterBank bank;
  at::Tensor raw = at::empty({count, bank.width()});
  SourceStatistics statistics;
  statistics.descriptors.pictures = at::empty({count, 256});
  const auto describe = [&](int64_t row) {
    const at::NoGradGuard none;  // counts for one thread only
    const at::Tensor classes =
        source.classes.defined() ? source.classes.narrow(0, row, 1) : at::Tensor();
    const at::Tensor image =
        ImagesFromBytes(PicturesOf(source.images.narrow(0, row, 1), classes).images);
    statistics.descriptors.pictures.narrow(0, row, 1).copy_(RankPictures(image));
    raw.narrow(0, row, 1).copy_(RawFilterBank(image.to(device)));
  };
  const int64_t pixels = source.images[0].numel() / source.images.size(1);
  const int64_t together = std::clamp<int64_t>(kPixelsTogether / pixels, 1, kMostImagesTogether);
  for (int64_t begin = 0; begin < count; begin += together) {
    progress(begin);
    const int64_t end = std::min(begin + together, count);
    // What runs within a parallel loop uses one thread, so that sums have one order.
    at::parallel_for(begin, device.is_cpu() ? end : begin, 1, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) describe(row);
    });
    for (int64_t row = begin; row < end && !device.is_cpu(); ++row) describe(row);
  }
  bank.Fit(raw);
  statistics.descriptors.features = bank.Standardised(raw);
  statistics.filter_bank = std::make_shared<const FilterBank>(std::move(bank));
  progress(count);
  statistics.units = MeasureUnits(statistics.descriptors, [&] { progress(count); });
  return statistics;
}

void SaveStatistics(const SourceStatistics& statistics, const std::filesystem::path& file) {
  const MemorizationUnits& units = statistics.units;
  WriteSafetensors(
      file,
      {{"filter_bank.mean", statistics.filter_bank->mean()},
       {"filter_bank.deviation", statistics.filter_bank->deviation()},
       {"pictures", statistics.descriptors.pictures},
       {"features", statistics.descriptors.features},
       // As bytes: the format has no type of 64 bits for them.
       {"units",
        at::tensor({units.pixel, units.feature, units.distance}, at::kDouble).view(at::kLong)}},
      {{kStatisticsFormatKey, kStatisticsFormat}});
}

SourceStatistics LoadStatistics(TaskContext& context, const TaskSpec& spec) {
  const std::filesystem::path path = ValueOrThrow(context.Fetch(Input(spec, "statistics")));
  const at::Device device = DeviceOf(context);
  try {
    const SafetensorsFile file(path);
    const auto format = file.metadata().find(kStatisticsFormatKey);
    if (format == file.metadata().end() || format->second != kStatisticsFormat) {
      throw std::runtime_error("they are none");
    }
    SourceStatistics statistics;
    statistics.filter_bank = std::make_shared<const FilterBank>(
        file.Get("filter_bank.mean").to(device, at::kFloat, /*non_blocking=*/false, /*copy=*/true),
        file.Get("filter_bank.deviation")
            .to(device, at::kFloat, /*non_blocking=*/false, /*copy=*/true));
    statistics.descriptors = {file.Get("pictures"), file.Get("features")};
    const at::Tensor stored = file.Get("units");
    const at::Tensor& pictures = statistics.descriptors.pictures;
    const at::Tensor& features = statistics.descriptors.features;
    if (pictures.dim() != 2 || pictures.size(0) < 2 || pictures.size(1) != 256 ||
        features.sizes() != at::IntArrayRef{pictures.size(0), statistics.filter_bank->width()} ||
        stored.sizes() != at::IntArrayRef{3} || stored.scalar_type() != at::kLong ||
        pictures.scalar_type() != at::kFloat || features.scalar_type() != at::kFloat) {
      throw std::runtime_error("their tensors do not belong together");
    }
    const at::Tensor units = stored.view(at::kDouble);
    statistics.units = {units[0].item<double>(), units[1].item<double>(), units[2].item<double>()};
    return statistics;
  } catch (const std::exception& error) {
    throw TaskError(absl::InvalidArgumentError(
        absl::StrCat("task ", spec.kind, ": the source's statistics: ",
                     absl::StrReplaceAll(error.what(), {{path.string(), "the file"}}))));
  }
}

}  // namespace alignflow
