#ifndef ALIGNFLOW_WORKER_SETS_IMAGE_SET_H_
#define ALIGNFLOW_WORKER_SETS_IMAGE_SET_H_

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <vector>

#include "common/data/label_table.h"
#include "common/data/structures.h"
#include "worker/tasks/task.h"

namespace alignflow {

// Images, with masks or without, at a preset's size, kept as bytes: a float copy would be four
// times as large.
struct ImageSet {
  at::Tensor images;   // uint8 [N,3,S,S] RGB
  at::Tensor classes;  // uint8 [N,S,S], classes of `labels`; undefined without masks
  LabelTable labels;
  std::vector<std::string> names;  // stems
  std::string note;                // what was resized, for people; empty if nothing was

  int64_t size() const { return images.size(0); }
};

// Fetches a manifest's files, checks every one to the last pixel and brings them to size x size
// pixels. Of more than `most` items, that many, equally spaced, are taken. Throws TaskError:
// InvalidArgument names the item and the remedy; Cancelled within a few images.
// `facts`, if given, becomes what the masks show before and after.
ImageSet LoadImageSet(TaskContext& context, const std::string& manifest_digest, int64_t size,
                      int64_t most = INT64_MAX, MaskFacts* facts = nullptr);

// The references that a task learns from: align.references of them, equally spaced; 0: all. Throws
// TaskError with InvalidArgument if more are asked for than given, besides what LoadImageSet does.
ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec);

// Bytes [B,3,H,W] to float RGB in [-1,1] on a device, and back with rounding.
at::Tensor ImagesFromBytes(const at::Tensor& bytes, at::Device device = at::kCPU);
at::Tensor BytesFromImages(const at::Tensor& images);

// At most `most` of `size` rows, equally spaced, rising: int64 [N].
at::Tensor EquallySpaced(int64_t size, int64_t most);

// At most so many images tell statistics of a whole set.
inline constexpr int64_t kStatisticsImages = 2000;
// At most `most` images of the set, equally spaced: float [N,3,S,S] in [-1,1] on the device.
at::Tensor SampleImages(const ImageSet& set, int64_t most, at::Device device = at::kCPU);

// Items of a set.
struct ImageBatch {
  at::Tensor images;   // float [B,3,S,S] in [-1,1] on the device asked for
  at::Tensor classes;  // uint8 [B,S,S] on the CPU
};
// items: int64 [B]. With `flips`, each item is mirrored left to right and upside down at random,
// each with probability 1/2, its mask with it.
ImageBatch TakeBatch(const ImageSet& set, const at::Tensor& items, at::Device device,
                     std::optional<at::Generator> flips = std::nullopt);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_IMAGE_SET_H_
