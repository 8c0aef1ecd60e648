#include "server/services/dataset_check.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/data/manifest.h"
#include "common/status_conversion.h"
#include "server/services/cancel_check.h"
#include "server/services/dataset_items.h"
#include "server/services/image_check.h"
#include "server/services/item_facts.h"

namespace alignflow {
namespace {

absl::Status CheckStem(const std::string& stem, const std::string& what,
                       std::set<std::string>& seen) {
  absl::Status status = CheckItemName(stem);
  if (!status.ok()) return Annotate(status, absl::StrCat(what, ".stem"));
  if (seen.insert(stem).second) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ".stem: '", stem, "' is there twice; rename one of the files"));
}

absl::Status CheckGroupOf(const std::string& group, const std::string& where) {
  if (group.empty()) return absl::OkStatus();  // none is given
  return Annotate(CheckGroup(group), absl::StrCat(where, ", group"));
}

// Zero, as in a request that does not give it, is all 16.
absl::StatusOr<int> CheckSampleBits(int bits, const std::string& field) {
  if (bits == 0) return kAllSampleBits;
  if (bits >= 1 && bits <= kAllSampleBits) return bits;
  return absl::InvalidArgumentError(absl::StrCat(field, ": is ", bits, "; give 1 to 16, or none"));
}

// "manifest.items[3] 'stem'" for messages about what belongs to a named item.
std::string Where(const std::string& what, const std::string& stem) {
  return absl::StrCat(what, " '", stem, "'");
}

absl::StatusOr<LabelTable> CheckLabels(const v1::Manifest& manifest) {
  std::vector<LabelTable::Label> labels;
  bool coloured = false;
  for (const v1::Label& label : manifest.labels()) {
    labels.push_back({label.name(), label.value(), ParseColour(label.colour())});
    if (!label.colour().empty() && !labels.back().colour) {
      return absl::InvalidArgumentError(absl::StrCat("manifest.labels: the colour of ",
                                                     label.name(), " is not written as #rrggbb"));
    }
    coloured = coloured || labels.back().colour;
  }
  absl::StatusOr<LabelTable> table =
      coloured
          ? LabelTable::MakeColoured(std::move(labels), ParseColour(manifest.background_colour()))
          : LabelTable::Make(std::move(labels), manifest.background());
  if (!table.ok()) return Annotate(table.status(), "manifest.labels");
  return table;
}

absl::StatusOr<DatasetItem> CheckItem(const v1::DatasetItem& item, const std::string& where,
                                      BlobStore& blobs, const OwnsBlob& owns) {
  if (absl::Status group = CheckGroupOf(item.group(), where); !group.ok()) return group;
  if (!item.image_class().empty()) {
    absl::Status text = CheckImageClass(item.image_class());
    if (!text.ok()) return Annotate(text, absl::StrCat(where, ", image_class"));
  }
  absl::StatusOr<ImageHeader> image =
      CheckImage(blobs, item.image(), FileRole::kImage, absl::StrCat(where, ", image"), owns);
  if (!image.ok()) return image.status();
  if (item.mask().sha256().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ", mask: is missing; every image needs a mask with the same stem"));
  }
  const std::string mask_name = absl::StrCat(where, ", mask");
  absl::StatusOr<ImageHeader> mask =
      CheckImage(blobs, item.mask(), FileRole::kMask, mask_name, owns);
  if (!mask.ok()) return mask.status();
  absl::Status fits = JudgePair(*image, *mask).status();
  if (!fits.ok()) return Annotate(fits, mask_name);
  return DatasetItem{.name = item.stem(),
                     .image = item.image().sha256(),
                     .mask = item.mask().sha256(),
                     .width = static_cast<int>(image->width),
                     .height = static_cast<int>(image->height),
                     .depth = static_cast<int>(image->depth),
                     .group = item.group(),
                     .image_class = item.image_class()};
}

absl::Status WrongCount(const std::string& there) {
  return absl::InvalidArgumentError(
      absl::StrCat("manifest.items: there are ", there, "; a dataset has 1 to 1,000,000 pairs"));
}

// A set is of pictures or of volumes: of volumes where its first item is one.
absl::Status CheckKind(const DatasetItem& first, const DatasetItem& item,
                       const std::string& where) {
  if ((first.depth > 0) == (item.depth > 0)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(where, ", image: is a ", item.depth > 0 ? "volume" : "picture", ", but '",
                   first.name, "' is a ", first.depth > 0 ? "volume" : "picture",
                   "; a set is of pictures or of volumes: push them as two"));
}

std::string SizeText(const DatasetItem& item) {
  const std::string picture = absl::StrCat(item.width, "x", item.height);
  return item.depth > 0 ? absl::StrCat(picture, "x", item.depth) : picture;
}

// Smallest and largest by number of pixels or voxels.
void DescribeSizes(const std::vector<DatasetItem>& items, DatasetRecord& record) {
  const auto [smallest, largest] = std::ranges::minmax_element(items, {}, [](const auto& item) {
    return int64_t{item.width} * item.height * std::max(item.depth, 1);
  });
  record.smallest = SizeText(*smallest);
  record.largest = SizeText(*largest);
}

}  // namespace

absl::StatusOr<CheckedDataset> CheckDatasetManifest(const v1::CreateDatasetRequest& request,
                                                    BlobStore& blobs,
                                                    const std::function<bool(int64_t)>& goes_on,
                                                    const OwnsBlob& owns) {
  const v1::Manifest& manifest = request.manifest();
  absl::StatusOr<LabelTable> labels = CheckLabels(manifest);
  if (!labels.ok()) return labels.status();
  absl::StatusOr<int> sample_bits = CheckSampleBits(manifest.sample_bits(), "manifest.sample_bits");
  if (!sample_bits.ok()) return sample_bits.status();
  CheckedDataset checked;
  DatasetManifest document;
  document.labels = *labels;
  document.sample_bits = *sample_bits;
  std::set<std::string> stems;
  FactsOfItems facts(*labels);
  absl::StatusOr<DatasetItems> items = DatasetItems::Open(request, blobs, owns);
  if (!items.ok()) return items.status();
  for (v1::DatasetItem item;;) {
    if (!goes_on(static_cast<int64_t>(document.items.size()))) {
      return absl::CancelledError("the client has gone");
    }
    const absl::StatusOr<bool> more = items->Next(item);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (document.items.size() == kMaxManifestItems) return WrongCount("more than 1,000,000");
    const std::string what = absl::StrCat("manifest.items[", document.items.size(), "]");
    absl::Status stem = CheckStem(item.stem(), what, stems);
    if (!stem.ok()) return stem;
    absl::StatusOr<DatasetItem> probed = CheckItem(item, Where(what, item.stem()), blobs, owns);
    if (!probed.ok()) return probed.status();
    document.items.push_back(*std::move(probed));
    absl::Status kind =
        CheckKind(document.items.front(), document.items.back(), Where(what, item.stem()));
    if (!kind.ok()) return kind;
    checked.items.push_back({item.image().sha256(), item.mask().sha256(), ""});
    absl::Status added = facts.Add(item.facts(), Where(what, item.stem()), checked.items.back());
    if (!added.ok()) return added;
    checked.record.size_bytes += item.image().size_bytes() + item.mask().size_bytes();
  }
  if (document.items.empty()) return WrongCount("none");
  checked.record.item_count = static_cast<int64_t>(document.items.size());
  checked.record.labels = labels->ToString();
  checked.record.mask_facts = facts.MaskFactsText();
  DescribeSizes(document.items, checked.record);
  absl::StatusOr<std::string> text = WriteManifest(std::move(document));
  if (!text.ok()) return text.status();
  checked.manifest = *std::move(text);
  return checked;
}

absl::StatusOr<std::string> CheckReferences(const v1::AlignSpec& spec, BlobStore& blobs,
                                            const std::function<bool()>& cancelled,
                                            const OwnsBlob& owns) {
  if (spec.references().empty() || spec.references_size() > kMaxReferences) {
    return absl::InvalidArgumentError(
        absl::StrCat("spec.references: there are ", spec.references_size(),
                     "; give 1 to 10,000 images of the target domain (about 10 is good)"));
  }
  absl::StatusOr<int> sample_bits =
      CheckSampleBits(spec.reference_sample_bits(), "spec.reference_sample_bits");
  if (!sample_bits.ok()) return sample_bits.status();
  DatasetManifest document;
  document.kind = DatasetKind::kReferences;
  document.sample_bits = *sample_bits;
  std::set<std::string> stems;
  CancelCheck gone(cancelled);
  for (int i = 0; i < spec.references_size(); ++i) {
    if (gone.Cancelled()) return absl::CancelledError("the client has gone");
    const v1::ReferenceImage& reference = spec.references(i);
    const std::string what = absl::StrCat("spec.references[", i, "]");
    absl::Status stem = CheckStem(reference.stem(), what, stems);
    if (!stem.ok()) return stem;
    const std::string where = Where(what, reference.stem());
    if (absl::Status group = CheckGroupOf(reference.group(), where); !group.ok()) return group;
    absl::StatusOr<ImageHeader> image = CheckImage(blobs, reference.image(), FileRole::kImage,
                                                   absl::StrCat(where, ", image"), owns);
    if (!image.ok()) return image.status();
    document.items.push_back({.name = reference.stem(),
                              .image = reference.image().sha256(),
                              .mask = "",
                              .width = static_cast<int>(image->width),
                              .height = static_cast<int>(image->height),
                              .depth = static_cast<int>(image->depth),
                              .group = reference.group()});
    absl::Status kind = CheckKind(document.items.front(), document.items.back(), where);
    if (!kind.ok()) return kind;
  }
  return WriteManifest(std::move(document));
}

}  // namespace alignflow
