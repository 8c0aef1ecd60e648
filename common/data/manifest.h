#ifndef ALIGNFLOW_COMMON_DATA_MANIFEST_H_
#define ALIGNFLOW_COMMON_DATA_MANIFEST_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/label_table.h"

// The manifest of a dataset or of a set of references, as client, coordinator and worker exchange
// it: one JSON document stored as a blob, whose SHA-256 is the dataset's version. There is one byte
// sequence per dataset, so the same dataset has the same version wherever it is written: items
// sorted by name (bytewise), keys sorted, no spaces, ASCII with \u escapes; what Python's
// json.dumps(manifest, sort_keys=True, separators=(",", ":")) writes.
//
//   {"background":0,"items":[{"height":64,"image":"<sha256>","mask":"<sha256>","name":"000001","width":64},...],
//    "kind":"dataset","labels":[{"name":"polyp","value":255}]}
//   {"items":[{"height":64,"image":"<sha256>","name":"ref-1","width":64}],"kind":"references"}
//
// References have neither masks nor labels nor background. Some things are written only where they
// differ from the default: "sample_bits":12, after the labels, where 16-bit images use fewer than
// 16 bits; where masks are stored in colours, "background_colour":"#000000", after the background,
// and "colour":"#ff0000", before each label's name; "class":"adenoma", first in each item, where
// images have classes; "depth":24, where these are volumes (common/data/volume_probe.h) and not
// pictures, which all are or none; and "group":"patient-7", before each item's height, where groups
// are given. Digests are 64 lower-case
// hexadecimal digits. All functions are thread-safe. Needs nlohmann-json and absl only.
namespace alignflow {

enum class DatasetKind { kDataset, kReferences };

struct DatasetItem {
  std::string name;   // the file's stem; see CheckItemName
  std::string image;  // SHA-256 of the encoded image file
  std::string mask;   // SHA-256 of the encoded mask file; empty for references
  int width = 0;      // pixels of image and mask, 1..kMaxImageSide
  int height = 0;
  int depth = 0;           // of a volume, whose width, height and depth are voxels; 0: a picture
  std::string group = {};  // that the images are no independent evidence in; see CheckGroup
  std::string image_class = {};  // what the image as a whole shows; see CheckImageClass
  bool operator==(const DatasetItem&) const = default;
};

// Of images with 16 bits per sample, unless a set uses fewer.
inline constexpr int kAllSampleBits = 16;

struct DatasetManifest {
  DatasetKind kind = DatasetKind::kDataset;
  LabelTable labels;                 // the default table for references
  std::vector<DatasetItem> items;    // sorted by name, names unique, at least one
  int sample_bits = kAllSampleBits;  // 1 to 16: 2^sample_bits - 1 is the white of 16-bit images
  bool operator==(const DatasetManifest&) const = default;

  // Whether the items are volumes.
  bool volumes() const { return !items.empty() && items.front().depth > 0; }
};

inline constexpr size_t kMaxManifestItems = 1000000;
inline constexpr int kMaxReferences = 10000;
inline constexpr size_t kMaxManifestBytes = size_t{512} << 20;
inline constexpr size_t kMaxItemNameBytes = 200;

// Whether a name can safely become a file name anywhere: 1 to kMaxItemNameBytes bytes of valid
// UTF-8, no control characters, no '/', '\\' or ':', no leading dot, no "..". InvalidArgument with
// the reason.
absl::Status CheckItemName(std::string_view name);

// Whether a text can name an image's class: as of a group, and without a comma. Classes are given
// for every item of a dataset or for none, and are at most kMostImageClasses.
absl::Status CheckImageClass(std::string_view image_class);
inline constexpr size_t kMostImageClasses = 64;

// Whether a text can name a group, such as a patient, an examination or a video sequence: 1 to
// kMaxItemNameBytes bytes of valid UTF-8 without control characters. Groups are given for every
// item of a manifest or for none; then their names tell them (common/data/groups.h).
// InvalidArgument with the reason.
absl::Status CheckGroup(std::string_view group);

// InvalidArgument, naming the item and the field, if the manifest breaks a rule of the structs
// above.
absl::Status CheckManifest(const DatasetManifest& manifest);

// The canonical form. Sorts a copy of the items. The manifest must pass CheckManifest once sorted.
absl::StatusOr<std::string> WriteManifest(DatasetManifest manifest);

// Strict: unknown, missing and repeated keys, other types, wrong order, anything but the canonical
// bytes is refused with InvalidArgument that says where and why. Memory is bounded by the size of
// `json`, however nested it is.
absl::StatusOr<DatasetManifest> ParseManifest(std::string_view json);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_MANIFEST_H_
