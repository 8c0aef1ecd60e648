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

// What a prepare task counted in the whole set.
struct PreparedFacts {
  int64_t different = 0;        // images that differ from every other in a pixel
  int64_t with_structures = 0;  // images whose mask shows anything but background at this size
  MaskFacts masks;              // before and after they were resized
};

// Where in their pictures the views of a set lie (worker/framing/view_finder.h). All undefined
// where a set holds whole pictures.
struct ViewRows {
  at::Tensor shapes;   // uint8 [N,S,S]: 1 within the view's shape, 0 where it was filled
  at::Tensor places;   // int64 [N,6]: the picture's width and height; the box's x, y, width, height
  at::Tensor borders;  // uint8 [N,3] RGB: the colour around the view

  bool defined() const { return shapes.defined(); }
  // For `count` views at `size` pixels a side.
  static ViewRows Empty(int64_t count, int64_t size);
  // One view's rows, [S,S], [6] and [3]; undefined if these are.
  ViewRows Row(int64_t row) const;
  static ViewRows Joined(const std::vector<ViewRows>& parts);
  // Every step-th view.
  ViewRows Thinned(int64_t step) const;
};

// Where in space the volumes of a set lie. All undefined where a set holds pictures.
struct VolumeRows {
  at::Tensor sizes;    // int64 [N,3]: voxels of the volume that a cube was made of
  at::Tensor affines;  // float [N,12]: its affine (common/data/nifti_header.h)
  at::Tensor ranges;   // float [N,2]: its values that are black and white

  bool defined() const { return sizes.defined(); }
  static VolumeRows Empty(int64_t count);
  // One volume's rows, [3], [12] and [2]; undefined if these are.
  VolumeRows Row(int64_t row) const;
  static VolumeRows Joined(const std::vector<VolumeRows>& parts);
};

// The files that a prepared set with masks was made of, beside its image_digests. All undefined
// where a set has none.
struct FileRows {
  at::Tensor masks;     // uint8 [N,32]: the SHA-256 of each mask's own file
  at::Tensor sizes;     // int64 [N,2]: the picture's width and height; undefined for volumes
  int sample_bits = 0;  // of images with 16 bits (common/data/manifest.h)

  bool defined() const { return masks.defined(); }
};

// Images, with masks or without, at a preset's size, kept as bytes: a float copy would be four
// times as large. The tensors of prepared sets and of pairs are views of a mapped file, of which
// memory holds nothing but the rows in use: take rows or batches, never a copy of the whole.
struct ImageSet {
  at::Tensor images;   // uint8 [N,3,S,S] RGB; of volumes [N,1,S,S,S], up, front and right
  at::Tensor classes;  // uint8 [N,S,S] or [N,S,S,S], classes of `labels`; undefined without masks
  LabelTable labels;
  std::vector<std::string> names;  // stems
  std::string note;                // what was resized, for people; empty if nothing was
  // uint8 [N,32], the SHA-256 of each row of `classes`; undefined but for prepared sets with masks.
  at::Tensor mask_digests = {};
  // uint8 [N,32], the SHA-256 of each image's own file; undefined for pairs.
  at::Tensor image_digests = {};
  PreparedFacts facts = {};  // of prepared sets
  ViewRows views = {};       // of sets of views
  VolumeRows volumes = {};   // of sets of volumes
  FileRows files = {};       // of prepared sets with masks
  // Of real images, as GroupOf tells (common/data/groups.h); an empty text is a group by itself.
  std::vector<std::string> groups = {};
  // Of prepared sets of a dataset with classes.csv: what each image as a whole shows; else empty.
  std::vector<std::string> image_classes = {};

  int64_t size() const { return images.size(0); }
};

// [count,3,S,S] and [count,S,S] of pictures, [count,1,S,S,S] and [count,S,S,S] of volumes.
std::vector<int64_t> ShapeOfImages(int64_t count, int64_t size, bool volumes);
std::vector<int64_t> ShapeOfClasses(int64_t count, int64_t size, bool volumes);

// At most `most` items, equally spaced; views of the set's tensors.
ImageSet Thinned(const ImageSet& set, int64_t most);

// Bytes [B,3,H,W] to float RGB in [-1,1] on a device, and back with rounding.
at::Tensor ImagesFromBytes(const at::Tensor& bytes, at::Device device = at::kCPU);
at::Tensor BytesFromImages(const at::Tensor& images);

// How many of the images [N,C,H,W] to work on at once: at most `most`, and fewer where they are
// large, so that a few hundred bytes for each pixel fit into a gigabyte.
int64_t Together(const at::Tensor& images, int64_t most);

// At most `most` of `size` rows, equally spaced, rising: int64 [N].
at::Tensor EquallySpaced(int64_t size, int64_t most);

// At most so many images or masks tell statistics of a whole set.
inline constexpr int64_t kStatisticsImages = 2000;

// Items of a set.
struct ImageBatch {
  at::Tensor images;   // float [B,3,S,S] or [B,1,S,S,S] in [-1,1] on the device asked for
  at::Tensor classes;  // uint8 [B,S,S] or [B,S,S,S] on the CPU
};
// items: int64 [B]. With `flips`, each item is mirrored left to right and, if it is a picture,
// upside down at random, each with probability 1/2, its mask with it. Throws TaskError with
// InvalidArgument for a mask with a class that the labels do not have.
ImageBatch TakeBatch(const ImageSet& set, const at::Tensor& items, at::Device device,
                     std::optional<at::Generator> flips = std::nullopt);
// Their masks alone, likewise: uint8 [B,S,S].
at::Tensor TakeClasses(const ImageSet& set, const at::Tensor& items);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_IMAGE_SET_H_
