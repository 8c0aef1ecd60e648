#ifndef ALIGNFLOW_WORKER_SETS_DATASET_DECODE_H_
#define ALIGNFLOW_WORKER_SETS_DATASET_DECODE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/data/manifest.h"
#include "common/data/structures.h"
#include "worker/framing/view_finder.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

// A dataset's own files, read once: by prepare tasks (whose setting `dims`, 3, is there for volumes
// alone), and for references, which are few; and again, one by one, for pairs that are handed out
// larger than prepared.
namespace alignflow {

// Throws TaskError with InvalidArgument for a blob that is no manifest.
DatasetManifest LoadManifest(TaskContext& context, const std::string& digest);

// What of each picture becomes size x size pixels.
enum class PictureUse {
  kWhole,  // all of it, its aspect kept, in a letterbox
  kView,   // its field of view, stretched to the square (worker/framing/view_cut.h)
};

// What the tasks of a job work on: its setting `pictures`, view or whole (and whole without it).
PictureUse UseOfPictures(const TaskSpec& spec);

// What will be resized to size x size pixels, or voxels, for people; empty if nothing will.
std::string ResizingNote(const DatasetManifest& manifest, int64_t size, PictureUse use);

// The SHA-256 of each image's file: uint8 [N,32].
at::Tensor ImageDigests(const DatasetManifest& manifest);

// Likewise of each mask's file.
at::Tensor MaskFileDigests(const DatasetManifest& manifest);
// The pictures' widths and heights: int64 [N,2].
at::Tensor PictureSizes(const DatasetManifest& manifest);
// These items of a prepared set, as its dataset's manifest has them. Throws TaskError with
// InvalidArgument where the set does not say what its files are.
DatasetManifest ManifestOf(const ImageSet& set, const std::vector<int64_t>& items);

// Neighbouring items at the size asked for.
struct DecodedItems {
  int64_t first = 0;
  at::Tensor images;     // uint8 [B,3,S,S] RGB; of volumes [B,1,S,S,S]
  at::Tensor classes;    // uint8 [B,S,S] or [B,S,S,S], classes of the manifest's labels; undefined
                         // for references
  MaskFacts masks = {};  // what these masks show before and after
  ViewRows views = {};   // with PictureUse::kView
  VolumeRows volumes = {};  // of volumes
};

// Fetches the files of all items in order, checks every one to the last pixel on all of the
// worker's threads and hands over chunks of a bounded number of bytes, from this thread. Throws
// TaskError: InvalidArgument names the items that cannot be used, up to 20 of them, each with the
// remedy, once all are checked (from the first of them on nothing is handed over); Cancelled within
// a chunk. `views`: those of the pictures at any size, an item each; null: each is looked for in
// its own picture alone.
void DecodeDataset(TaskContext& context, const DatasetManifest& manifest, int64_t size,
                   PictureUse use, const std::function<void(const DecodedItems&)>& take,
                   const std::vector<View>* views = nullptr);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_DATASET_DECODE_H_
