#include "worker/figures/overlap.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/data/fingerprint.h"
#include "common/data/groups.h"
#include "worker/data/item_facts.h"
#include "worker/sets/pixels.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

std::vector<SetMember> MembersOf(const ImageSet& set) {
  std::vector<SetMember> members;
  if (!set.images.defined()) return members;  // no references
  for (int64_t i = 0; i < set.size(); ++i) {
    members.push_back(
        {set.names[i], "", FingerprintOf(ImageOfTensor(set.images[i])), set.groups[i]});
  }
  return members;
}

void Keep(const std::vector<int64_t>& rows, ImageSet& set) {
  const at::Tensor kept = at::tensor(rows, at::kLong);
  set.images = set.images.index_select(0, kept);
  if (set.classes.defined()) set.classes = set.classes.index_select(0, kept);
  set.image_digests = set.image_digests.index_select(0, kept);
  if (set.mask_digests.defined()) set.mask_digests = set.mask_digests.index_select(0, kept);
  std::vector<std::string> names, groups, classes;
  for (const int64_t row : rows) {
    names.push_back(std::move(set.names[row]));
    groups.push_back(std::move(set.groups[row]));
    if (!set.image_classes.empty()) classes.push_back(std::move(set.image_classes[row]));
  }
  set.names = std::move(names);
  set.groups = std::move(groups);
  set.image_classes = std::move(classes);
}

// All rows but `left_out`.
std::vector<int64_t> Without(const std::set<int64_t>& left_out, int64_t size) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < size; ++row) {
    if (!left_out.contains(row)) rows.push_back(row);
  }
  return rows;
}

// The rows of digests, uint8 [N,32], as text.
std::vector<std::string> RowsOf(const at::Tensor& digests) {
  const at::Tensor plain = digests.contiguous();
  std::vector<std::string> rows;
  for (int64_t i = 0; i < plain.size(0); ++i) {
    rows.emplace_back(
        reinterpret_cast<const char*>(plain.const_data_ptr<uint8_t>()) + i * plain.size(1),
        static_cast<size_t>(plain.size(1)));
  }
  return rows;
}

}  // namespace

void KeepDistinct(FigureSubject& real) {
  std::set<int64_t> left_out;
  for (const SameMember& same : FindRepeated(MembersOf(real.set))) {
    real.same_as[real.set.names[same.row]] = real.Kept(real.set.names[same.other]);
    left_out.insert(static_cast<int64_t>(same.row));
  }
  if (!left_out.empty()) Keep(Without(left_out, real.size()), real.set);
}

int64_t LeaveOutKnown(const std::vector<at::Tensor>& files, const std::set<std::string>& groups,
                      const FigureSubject& source, const FigureSubject& references, bool by_picture,
                      FigureSubject& target) {
  std::set<std::string> known;
  for (const at::Tensor& digests : files) {
    for (std::string& digest : RowsOf(digests)) known.insert(std::move(digest));
  }
  std::set<int64_t> left_out;
  const std::vector<SetMember> members = MembersOf(target.set);
  const auto same_in = [&](const FigureSubject& other) {
    return by_picture ? FindSame(members, MembersOf(other.set)) : std::vector<SameMember>();
  };
  for (const SameMember& same : same_in(source)) left_out.insert(static_cast<int64_t>(same.row));
  const std::vector<SameMember> learned = same_in(references);
  for (const SameMember& same : learned) left_out.insert(static_cast<int64_t>(same.row));
  for (const size_t row : RowsOfLearnedGroups(members, groups, learned)) {
    left_out.insert(static_cast<int64_t>(row));
  }
  const std::vector<std::string> own = RowsOf(target.set.image_digests);
  for (int64_t row = 0; row < target.size(); ++row) {
    if (known.contains(own[row])) left_out.insert(row);
  }
  const auto count = static_cast<int64_t>(left_out.size());
  if (count == target.size()) {
    throw TaskError(absl::InvalidArgumentError(
        "every image of the target is in the source, among the references or of a reference's "
        "group; push a target of other images, or go without --target"));
  }
  if (count > 0) Keep(Without(left_out, target.size()), target.set);
  return count;
}

}  // namespace alignflow
