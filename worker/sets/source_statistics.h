#ifndef ALIGNFLOW_WORKER_SETS_SOURCE_STATISTICS_H_
#define ALIGNFLOW_WORKER_SETS_SOURCE_STATISTICS_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "worker/alignment/filter_bank.h"
#include "worker/gates/memorization.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

// What stage 2, the gates and the figures must know of the whole source: found once (kind describe)
// and read by them without a look at its images.
namespace alignflow {

struct SourceStatistics {
  std::shared_ptr<const FilterBank> filter_bank;  // fitted to all images
  ImageDescriptors descriptors;                   // of all images, by it; views of a mapped file
  MemorizationUnits units;
};

// Looks at every image of the source (of volumes, at three slices side by side), a few at a time,
// each by itself, so that on a CPU the result depends neither on chunks nor on the number of
// threads. `progress` is called with the images done and may throw. Throws TaskError with
// InvalidArgument for fewer than 2 images.
SourceStatistics DescribeSource(const ImageSet& source, at::Device device,
                                const std::function<void(int64_t done)>& progress);

// As a safetensors file. Throws std::runtime_error.
void SaveStatistics(const SourceStatistics& statistics, const std::filesystem::path& file);

// The statistics in the input of that name, the filter bank on the context's device. Throws
// TaskError with InvalidArgument for a file that is none.
SourceStatistics LoadStatistics(TaskContext& context, const TaskSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_SOURCE_STATISTICS_H_
