#include "worker/sets/prepared_set.h"

#include <span>
#include <stdexcept>
#include <unordered_set>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/data/groups.h"
#include "common/digest.h"
#include "common/settings/settings.h"
#include "worker/models/safetensors.h"
#include "worker/models/safetensors_writer.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr char kFormatKey[] = "alignflow.format";
constexpr char kPreparedFormat[] = "prepared-4";
constexpr int64_t kDigestBytes = 32;
constexpr int64_t kMostPixels = 65535;  // of a picture's side
constexpr int64_t kMaskFactsBytes = int64_t{256} << 10;

// Of each row: uint8 [B,32].
at::Tensor DigestsOf(const at::Tensor& rows) {
  const at::Tensor plain = rows.contiguous();
  at::Tensor digests = at::empty({plain.size(0), kDigestBytes}, at::kByte);
  for (int64_t i = 0; i < plain.size(0); ++i) {
    const std::string digest = RowDigest(plain[i]);
    std::copy(digest.begin(), digest.end(), digests[i].mutable_data_ptr<uint8_t>());
  }
  return digests;
}

// A text for each item, one after another.
struct Texts {
  at::Tensor bytes;  // uint8 [bytes]
  at::Tensor ends;   // int64 [N]
};

template <typename TextOf>
Texts TextsOf(const DatasetManifest& manifest, TextOf text_of) {
  std::string text;
  std::vector<int64_t> ends;
  for (const DatasetItem& item : manifest.items) {
    text += text_of(item);
    ends.push_back(static_cast<int64_t>(text.size()));
  }
  return {at::from_blob(text.data(), {static_cast<int64_t>(text.size())}, at::kByte).clone(),
          at::tensor(ends, at::kLong)};
}

std::vector<std::string> TextsIn(const at::Tensor& bytes, const at::Tensor& ends) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()),
                              static_cast<size_t>(bytes.numel()));
  const std::span<const int64_t> list(ends.const_data_ptr<int64_t>(),
                                      static_cast<size_t>(ends.numel()));
  std::vector<std::string> texts;
  texts.reserve(list.size());
  int64_t begin = 0;
  for (const int64_t end : list) {
    if (end < begin || end > bytes.numel()) throw std::runtime_error("its names are out of order");
    texts.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  if (begin != bytes.numel()) throw std::runtime_error("there are bytes behind its last name");
  return texts;
}

// What is counted while the items pass by.
class SetCounter {
 public:
  void Add(const DecodedItems& decoded) {
    for (int64_t i = 0; i < decoded.images.size(0); ++i) seen_.insert(RowDigest(decoded.images[i]));
    if (!decoded.classes.defined()) return;
    with_structures_ += decoded.classes.flatten(1).gt(0).any(1).sum().item<int64_t>();
    alignflow::Add(decoded.masks, masks_);
  }
  at::Tensor Counts() const {
    return at::tensor({static_cast<int64_t>(seen_.size()), with_structures_}, at::kLong);
  }
  at::Tensor MaskFactsText() const {
    std::string text = MaskFactsJson(masks_);
    if (text.size() > kMaskFactsBytes) {
      throw TaskError(absl::InvalidArgumentError(
          "the dataset's labels have names that are too long together; push it with shorter ones"));
    }
    text.resize(kMaskFactsBytes, ' ');
    return at::from_blob(text.data(), {kMaskFactsBytes}, at::kByte).clone();
  }

 private:
  std::unordered_set<std::string> seen_;
  int64_t with_structures_ = 0;
  MaskFacts masks_;
};

void Require(bool holds, const char* otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

// What was counted in `set`, of which all else is there.
PreparedFacts FactsIn(const at::Tensor& counts, const at::Tensor& text, const ImageSet& set) {
  const int64_t masks = set.classes.defined() ? set.size() : 0;
  Require(counts.scalar_type() == at::kLong && counts.sizes() == at::IntArrayRef{2},
          "its counts are not two numbers");
  PreparedFacts facts{.different = counts[0].item<int64_t>(),
                      .with_structures = counts[1].item<int64_t>(),
                      .masks = {}};
  Require(facts.different >= 1 && facts.different <= set.size() && facts.with_structures >= 0 &&
              facts.with_structures <= masks,
          "its counts are not of as many images as it has");
  Require(text.scalar_type() == at::kByte && text.sizes() == at::IntArrayRef{kMaskFactsBytes},
          "its facts of masks are not a text of the format's length");
  absl::StatusOr<MaskFacts> parsed =
      ParseMaskFacts({reinterpret_cast<const char*>(text.const_data_ptr<uint8_t>()),
                      static_cast<size_t>(text.numel())});
  Require(parsed.ok(), "its facts of masks cannot be read");
  Require(parsed->images == masks, "its facts of masks are not of as many masks as it has");
  for (const auto& [label, shown] : parsed->classes) {
    Require(set.labels.ClassOfName(label) > 0, "its facts of masks are of classes that it lacks");
  }
  facts.masks = *std::move(parsed);
  return facts;
}

// The masks of a set whose images are there.
void MapMasks(const SafetensorsFile& file, const std::string& table, ImageSet& set) {
  const absl::StatusOr<LabelTable> labels = LabelTable::Parse(table);
  Require(labels.ok(), "its labels are none");
  set.labels = *labels;
  set.classes = file.Get("classes");
  set.mask_digests = file.Get("mask_digests");
  Require(set.classes.scalar_type() == at::kByte &&
              set.classes.sizes().equals(
                  ShapeOfClasses(set.size(), set.images.size(2), set.images.dim() == 5)),
          "its masks are not one for each image");
  Require(set.mask_digests.scalar_type() == at::kByte &&
              set.mask_digests.sizes() == at::IntArrayRef{set.size(), kDigestBytes},
          "its digests are not one for each mask");
}

// Undefined for a set without masks.
FileRows FilesIn(const SafetensorsFile& file, const std::string& sample_bits, const ImageSet& set) {
  if (!set.classes.defined()) return {};
  FileRows files{.masks = file.Get("mask_files"), .sizes = {}};
  const int64_t count = set.size();
  Require(files.masks.scalar_type() == at::kByte &&
              files.masks.sizes() == at::IntArrayRef{count, kDigestBytes},
          "its files are not one for each mask");
  constexpr char kImpossible[] = "what it says of its files can't be";
  Require(absl::SimpleAtoi(sample_bits, &files.sample_bits) && files.sample_bits >= 1 &&
              files.sample_bits <= kAllSampleBits,
          kImpossible);
  if (set.images.dim() == 5) return files;
  files.sizes = file.Get("picture_sizes");
  Require(files.sizes.scalar_type() == at::kLong &&
              files.sizes.sizes() == at::IntArrayRef{count, 2} &&
              files.sizes.ge(1).logical_and(files.sizes.le(kMostPixels)).all().item<bool>(),
          kImpossible);
  return files;
}

// Undefined for a set of whole pictures.
ViewRows ViewsIn(const SafetensorsFile& file, const ImageSet& set) {
  if (!file.Has("view_shapes")) return {};
  ViewRows views{file.Get("view_shapes"), file.Get("view_places"), file.Get("view_borders")};
  const int64_t count = set.size(), size = set.images.size(2);
  Require(views.shapes.scalar_type() == at::kByte &&
              views.shapes.sizes() == at::IntArrayRef{count, size, size} &&
              views.places.scalar_type() == at::kLong &&
              views.places.sizes() == at::IntArrayRef{count, 6} &&
              views.borders.scalar_type() == at::kByte &&
              views.borders.sizes() == at::IntArrayRef{count, 3},
          "its views are not one for each image");
  const at::Tensor picture = views.places.narrow(1, 0, 2), corner = views.places.narrow(1, 2, 2);
  const at::Tensor box = views.places.narrow(1, 4, 2);
  const at::Tensor inside = corner.ge(0)
                                .logical_and(box.ge(1))
                                .logical_and(picture.le(kMostPixels))
                                .logical_and(corner.le(picture - box));
  Require(inside.all().item<bool>(), "a view of it lies outside of its picture");
  return views;
}

// Undefined for a set of pictures.
VolumeRows VolumesIn(const SafetensorsFile& file, const ImageSet& set) {
  if (set.images.dim() != 5) return {};
  VolumeRows volumes{file.Get("volume_sizes"), file.Get("volume_affines"),
                     file.Get("volume_ranges")};
  const int64_t count = set.size();
  Require(volumes.sizes.scalar_type() == at::kLong &&
              volumes.sizes.sizes() == at::IntArrayRef{count, 3} &&
              volumes.affines.scalar_type() == at::kFloat &&
              volumes.affines.sizes() == at::IntArrayRef{count, 12} &&
              volumes.ranges.scalar_type() == at::kFloat &&
              volumes.ranges.sizes() == at::IntArrayRef{count, 2},
          "its places in space are not one for each volume");
  Require(volumes.sizes.ge(1).all().item<bool>() &&
              volumes.sizes.le(kMostPixels).all().item<bool>() &&
              volumes.affines.isfinite().all().item<bool>() &&
              volumes.ranges.isfinite().all().item<bool>(),
          "a place in space of it can't be");
  return volumes;
}

}  // namespace

std::string RowDigest(const at::Tensor& row) {
  const at::Tensor plain = row.contiguous();
  return absl::HexStringToBytes(Sha256OfString(
      {static_cast<const char*>(plain.const_data_ptr()), static_cast<size_t>(plain.nbytes())}));
}

void PackDataset(TaskContext& context, const DatasetManifest& manifest,
                 const std::string& manifest_digest, int64_t size, PictureUse use,
                 const std::filesystem::path& file,
                 const std::function<void(int64_t done)>& progress) {
  const auto count = static_cast<int64_t>(manifest.items.size());
  const bool masks = manifest.kind == DatasetKind::kDataset;
  const Texts names = TextsOf(manifest, [](const DatasetItem& item) { return item.name; });
  const Texts groups = TextsOf(manifest, GroupOf);
  const Texts classes = TextsOf(manifest, [](const DatasetItem& item) { return item.image_class; });
  const bool volumes = manifest.volumes();
  std::map<std::string, TensorShape> shapes{
      {"images", {at::kByte, ShapeOfImages(count, size, volumes)}},
      {"names", {at::kByte, names.bytes.sizes().vec()}},
      {"name_ends", {at::kLong, {count}}},
      {"groups", {at::kByte, groups.bytes.sizes().vec()}},
      {"group_ends", {at::kLong, {count}}},
      {"image_digests", {at::kByte, {count, kDigestBytes}}},
      {"counts", {at::kLong, {2}}},
      {"mask_facts", {at::kByte, {kMaskFactsBytes}}}};
  if (masks) {
    shapes["classes"] = {at::kByte, ShapeOfClasses(count, size, volumes)};
    shapes["mask_digests"] = {at::kByte, {count, kDigestBytes}};
  }
  const bool classed = !manifest.items.front().image_class.empty();
  if (classed) {
    shapes["image_classes"] = {at::kByte, classes.bytes.sizes().vec()};
    shapes["image_class_ends"] = {at::kLong, {count}};
  }
  if (masks) shapes["mask_files"] = {at::kByte, {count, kDigestBytes}};
  if (masks && !volumes) shapes["picture_sizes"] = {at::kLong, {count, 2}};
  if (use == PictureUse::kView) {
    shapes["view_shapes"] = {at::kByte, {count, size, size}};
    shapes["view_places"] = {at::kLong, {count, 6}};
    shapes["view_borders"] = {at::kByte, {count, 3}};
  }
  if (volumes) {
    shapes["volume_sizes"] = {at::kLong, {count, 3}};
    shapes["volume_affines"] = {at::kFloat, {count, 12}};
    shapes["volume_ranges"] = {at::kFloat, {count, 2}};
  }
  std::map<std::string, std::string> strings{{kFormatKey, kPreparedFormat},
                                             {"dataset", manifest_digest},
                                             {"labels", masks ? manifest.labels.ToString() : ""},
                                             {"note", ResizingNote(manifest, size, use)}};
  if (masks) strings["sample_bits"] = absl::StrCat(manifest.sample_bits);
  SafetensorsWriter writer(file, shapes, strings);
  writer.Write("names", names.bytes);
  writer.Write("name_ends", names.ends);
  writer.Write("groups", groups.bytes);
  writer.Write("group_ends", groups.ends);
  if (classed) {
    writer.Write("image_classes", classes.bytes);
    writer.Write("image_class_ends", classes.ends);
  }
  writer.Write("image_digests", ImageDigests(manifest));
  if (masks) writer.Write("mask_files", MaskFileDigests(manifest));
  if (masks && !volumes) writer.Write("picture_sizes", PictureSizes(manifest));
  SetCounter counter;
  progress(0);
  DecodeDataset(context, manifest, size, use, [&](const DecodedItems& decoded) {
    writer.WriteRows("images", decoded.first, decoded.images);
    if (decoded.views.defined()) {
      writer.WriteRows("view_shapes", decoded.first, decoded.views.shapes);
      writer.WriteRows("view_places", decoded.first, decoded.views.places);
      writer.WriteRows("view_borders", decoded.first, decoded.views.borders);
    }
    if (volumes) {
      writer.WriteRows("volume_sizes", decoded.first, decoded.volumes.sizes);
      writer.WriteRows("volume_affines", decoded.first, decoded.volumes.affines);
      writer.WriteRows("volume_ranges", decoded.first, decoded.volumes.ranges);
    }
    counter.Add(decoded);
    if (masks) {
      writer.WriteRows("classes", decoded.first, decoded.classes);
      writer.WriteRows("mask_digests", decoded.first, DigestsOf(decoded.classes));
    }
    progress(decoded.first + decoded.images.size(0));
  });
  writer.Write("counts", counter.Counts());
  writer.Write("mask_facts", counter.MaskFactsText());
  writer.Finish();
}

ImageSet MapPrepared(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  std::map<std::string, std::string> strings = file.metadata();
  Require(strings[kFormatKey] == kPreparedFormat, "it is not a prepared dataset");
  ImageSet set;
  set.images = file.Get("images");
  const bool volumes = set.images.dim() == 5;
  Require(set.images.scalar_type() == at::kByte && (volumes || set.images.dim() == 4) &&
              set.size() > 0 && set.images.size(2) > 0 &&
              set.images.sizes().equals(ShapeOfImages(set.size(), set.images.size(2), volumes)),
          "its images are neither square RGB images nor cubes of grey voxels");
  const auto texts = [&](const char* bytes, const char* ends, const char* otherwise) {
    const at::Tensor text = file.Get(bytes), places = file.Get(ends);
    Require(text.scalar_type() == at::kByte && places.scalar_type() == at::kLong &&
                places.sizes() == at::IntArrayRef{set.size()},
            otherwise);
    return TextsIn(text, places);
  };
  set.names = texts("names", "name_ends", "its names are not one for each image");
  set.groups = texts("groups", "group_ends", "its groups are not one for each image");
  if (file.Has("image_classes")) {
    set.image_classes =
        texts("image_classes", "image_class_ends", "its classes are not one for each image");
  }
  set.note = strings["note"];
  set.image_digests = file.Get("image_digests");
  Require(set.image_digests.scalar_type() == at::kByte &&
              set.image_digests.sizes() == at::IntArrayRef{set.size(), kDigestBytes},
          "its digests are not one for each image");
  if (!strings["labels"].empty()) MapMasks(file, strings["labels"], set);
  set.facts = FactsIn(file.Get("counts"), file.Get("mask_facts"), set);
  set.views = ViewsIn(file, set);
  set.volumes = VolumesIn(file, set);
  set.files = FilesIn(file, strings["sample_bits"], set);
  return set;
}

ImageSet LoadPrepared(TaskContext& context, const TaskSpec& spec, const std::string& role) {
  return LoadPrepared(context, spec, role, UseOfPictures(spec));
}

ImageSet LoadPrepared(TaskContext& context, const TaskSpec& spec, const std::string& role,
                      PictureUse use) {
  const std::filesystem::path file = ValueOrThrow(context.Fetch(Input(spec, role)));
  const auto refuse = [&](const std::string& what) {
    return TaskError(absl::InvalidArgumentError(
        absl::StrCat("task ", spec.kind, ": the prepared ", role, ": ", what)));
  };
  ImageSet set;
  try {
    set = MapPrepared(file);
  } catch (const std::runtime_error& error) {
    throw refuse(absl::StrReplaceAll(error.what(), {{file.string(), "the file"}}));
  }
  if (!spec.settings.contains("preset")) return set;
  if (set.volumes.defined() != (DimsOfPreset(TextSetting(spec, "preset")) == 3)) {
    throw refuse(set.volumes.defined() ? "it holds volumes, but the task works on pictures"
                                       : "it holds pictures, but the task works on volumes");
  }
  if (set.views.defined() != (use == PictureUse::kView)) {
    throw refuse(use == PictureUse::kView ? "it holds whole pictures, but the task works on views"
                                          : "it holds views, but the task works on whole pictures");
  }
  const int64_t size = ImageSize(spec);
  if (set.images.size(2) == size) return set;
  throw refuse(absl::StrCat("its images have ", set.images.size(2),
                            " pixels a side, but the task's ", size));
}

}  // namespace alignflow
