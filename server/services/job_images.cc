#include "server/services/job_images.h"

#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/data/groups.h"
#include "common/data/manifest.h"
#include "server/catalog/datasets.h"

namespace alignflow {
namespace {

constexpr size_t kMostImagesNamed = 10;
// Comparisons of fingerprints in one call, a second or two; beyond, files alone are compared.
constexpr size_t kMostComparisons = 400'000'000;

std::optional<Fingerprint> FromText(const std::string& text) {
  return FingerprintFromBytes(absl::HexStringToBytes(text));
}

}  // namespace

absl::StatusOr<ImagesOfJob> ImagesOfDataset(ServiceContext& context, const std::string& option,
                                            const std::string& id, const std::string& digest) {
  ImagesOfJob images{.what = absl::StrCat(option, " ", PublicId(id)),
                     .members = {},
                     .manifest = digest,
                     .masks = {}};
  std::string facts;
  std::vector<DatasetBlobs> items;
  absl::Status status = context.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<DatasetRecord> record = FindDataset(sql, id);
    if (!record || record->digest != digest) {
      return absl::AbortedError(absl::StrCat(images.what, " was replaced meanwhile; try again"));
    }
    facts = record->mask_facts;
    items = ItemsOfDataset(sql, id);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  for (DatasetBlobs& item : items) {
    images.members.push_back({"", std::move(item.image), FromText(item.fingerprint)});
  }
  if (!facts.empty()) {
    absl::StatusOr<MaskFacts> masks = ParseMaskFacts(facts);
    if (!masks.ok()) return absl::InternalError("catalog: a dataset's facts can't be read");
    images.masks = *std::move(masks);
  }
  return images;
}

ImagesOfJob ImagesOfReferences(const v1::AlignSpec& spec) {
  ImagesOfJob images{.what = "--references", .members = {}, .manifest = "", .masks = {}};
  for (const v1::ReferenceImage& reference : spec.references()) {
    DatasetItem item;
    item.name = reference.stem();
    item.group = reference.group();
    images.members.push_back({reference.stem(), reference.image().sha256(),
                              FingerprintFromBytes(reference.fingerprint()), GroupOf(item)});
    images.groups_given = images.groups_given || !reference.group().empty();
  }
  return images;
}

absl::Status FillInNames(ServiceContext& context, ImagesOfJob& images) {
  if (images.manifest.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> text = context.blobs.Get(images.manifest, kMaxManifestBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<DatasetManifest> manifest = ParseManifest(*text);
  if (!manifest.ok()) return manifest.status();
  std::unordered_map<std::string_view, const DatasetItem*> items;
  for (const DatasetItem& item : manifest->items) items.try_emplace(item.image, &item);
  for (SetMember& member : images.members) {
    if (const auto item = items.find(member.digest); item != items.end()) {
      member.name = item->second->name;
      member.group = GroupOf(*item->second);
    }
  }
  images.groups_given = !manifest->items.front().group.empty();
  for (const DatasetItem& item : manifest->items) {
    if (!item.image_class.empty()) images.classes.insert(item.image_class);
  }
  images.manifest.clear();
  return absl::OkStatus();
}

std::string Named(const std::vector<SameMember>& same, const std::vector<SetMember>& of,
                  const std::vector<SetMember>& in) {
  std::vector<std::string> names;
  for (const SameMember& one : same) {
    if (names.size() == kMostImagesNamed) break;
    names.push_back(
        absl::StrCat(of[one.row].name, one.same_file ? " = " : " looks like ", in[one.other].name));
  }
  std::string text = absl::StrJoin(names, ", ");
  if (same.size() > kMostImagesNamed)
    absl::StrAppend(&text, " and ", same.size() - kMostImagesNamed, " more");
  return text;
}

std::vector<SameMember> SameOf(const ImagesOfJob& of, const ImagesOfJob& in) {
  if (of.members.size() * in.members.size() <= kMostComparisons) {
    return FindSame(of.members, in.members);
  }
  const auto files = [](const ImagesOfJob& images) {
    std::vector<SetMember> members = images.members;
    for (SetMember& member : members) member.fingerprint.reset();
    return members;
  };
  return FindSame(files(of), files(in));
}

int64_t DistinctFiles(const ImagesOfJob& images) {
  std::set<std::string_view> digests;
  for (const SetMember& member : images.members) digests.insert(member.digest);
  return static_cast<int64_t>(digests.size());
}

DistinctReferences WithoutRepeatedReferences(const v1::AlignSpec& spec) {
  DistinctReferences result{.spec = spec, .warnings = {}};
  std::vector<SetMember> members;
  for (const v1::ReferenceImage& reference : spec.references()) {
    members.push_back({reference.stem(), reference.image().sha256(), std::nullopt});
  }
  const std::vector<SameMember> repeated = FindRepeated(members);
  if (repeated.empty()) return result;
  result.spec.clear_references();
  size_t next = 0;
  for (size_t row = 0; row < members.size(); ++row) {
    if (next < repeated.size() && repeated[next].row == row) {
      ++next;
    } else {
      *result.spec.add_references() = spec.references(static_cast<int>(row));
    }
  }
  result.warnings.push_back(
      absl::StrCat("--references: ", repeated.size(), " of the ", members.size(), " files ",
                   repeated.size() == 1 ? "is there" : "are there", " twice (",
                   Named(repeated, members, members), "): each counts once, so there are ",
                   members.size() - repeated.size()));
  return result;
}

}  // namespace alignflow
