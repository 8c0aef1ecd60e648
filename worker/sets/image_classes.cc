#include "worker/sets/image_classes.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/settings/canonical_text.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {

std::vector<std::string> ClassNames(const ImageSet& set) {
  std::set<std::string> names(set.image_classes.begin(), set.image_classes.end());
  names.erase("");
  return {names.begin(), names.end()};
}

PairItems::PairItems(const ImageSet& set, const std::vector<std::string>& classes, uint64_t seed) {
  if (classes.empty()) {
    members_.push_back(at::arange(set.size(), at::kLong));
  }
  for (const std::string& name : classes) {
    std::vector<int64_t> rows;
    for (size_t row = 0; row < set.image_classes.size(); ++row) {
      if (set.image_classes[row] == name) rows.push_back(static_cast<int64_t>(row));
    }
    if (rows.empty()) {
      throw TaskError(absl::InvalidArgumentError(
          absl::StrCat("setting pairs.classes: no image of the dataset is of class '", name, "'")));
    }
    members_.push_back(at::tensor(rows, at::kLong));
  }
  for (const at::Tensor& rows : members_) {
    orders_.emplace_back(rows.size(0), seed, RandomUse::kPairMask);
  }
}

at::Tensor PairItems::Items(int64_t first, int64_t size) {
  const auto count = static_cast<int64_t>(members_.size());
  if (count == 1) return members_[0].index_select(0, orders_[0].Items(first, size));
  std::vector<int64_t> items;
  for (int64_t pair = first; pair < first + size; ++pair) {
    const auto turn = static_cast<size_t>(pair % count);
    const int64_t row = orders_[turn].Items(pair / count, 1).item<int64_t>();
    items.push_back(members_[turn][row].item<int64_t>());
  }
  return at::tensor(items, at::kLong);
}

PairItems PairItemsOf(const TaskSpec& spec, const ImageSet& set) {
  const auto names = spec.settings.find("pairs.classes");
  return {set,
          names == spec.settings.end() ? std::vector<std::string>()
                                       : ValueOrThrow(ParseNames(names->second)),
          static_cast<uint64_t>(IntegerSetting(spec, "seed"))};
}

at::Tensor ClassesFor(const Backbone& model, const ImageSet& set, const at::Tensor& items) {
  const std::vector<std::string> known = model.image_classes();
  if (known.empty()) return {};
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < items.size(0); ++i) {
    const auto item = static_cast<size_t>(items[i].item<int64_t>());
    const std::string name = set.image_classes.empty() ? "" : set.image_classes.at(item);
    const auto found = std::ranges::find(known, name);
    if (found == known.end() && !name.empty()) {
      throw TaskError(absl::InvalidArgumentError(
          absl::StrCat("the dataset's class '", name,
                       "' is none that the model was trained on: ", absl::StrJoin(known, ", "))));
    }
    numbers.push_back(found - known.begin());
  }
  return at::tensor(numbers, at::kLong);
}

}  // namespace alignflow
