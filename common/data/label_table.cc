#include "common/data/label_table.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace alignflow {
namespace {

constexpr char kBackground[] = "background";
constexpr char kExample[] = "write it as polyp=255 or cup=0,disc=128,background=255";

absl::Status CheckName(const std::string& name) {
  const bool legal = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (legal) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "label name '%s': a name has 1 to 64 of the characters a-z, 0-9, _ and -", name));
}

absl::Status CheckValue(const std::string& name, int value) {
  if (value >= 0 && value <= 255) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("label %s=%d: a value is between 0 and 255", name, value));
}

}  // namespace

void AddToHistogram(std::span<const uint8_t> pixels, MaskHistogram& histogram) {
  for (const uint8_t pixel : pixels) ++histogram[pixel];
}

LabelTable::LabelTable() {
  class_of_.fill(-1);
  class_of_[0] = 0;
}

absl::StatusOr<LabelTable> LabelTable::Parse(std::string_view text) {
  std::vector<Label> labels;
  std::optional<int> background;
  for (const std::string& entry :
       std::vector<std::string>(absl::StrSplit(std::string(text), ','))) {
    const std::vector<std::string> parts = absl::StrSplit(entry, '=');
    int value;
    const bool digits = parts.size() == 2 && !parts[1].empty() && parts[1].size() <= 3 &&
                        std::ranges::all_of(parts[1], [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || !absl::SimpleAtoi(parts[1], &value)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "label '%s' is not name=value with a value of 0 to 255; %s", entry, kExample));
    }
    if (parts[0] != kBackground) {
      labels.push_back({parts[0], value});
    } else if (background.has_value()) {
      return absl::InvalidArgumentError("the background is given twice; give it once");
    } else {
      background = value;
    }
  }
  return Make(std::move(labels), background);
}

absl::StatusOr<LabelTable> LabelTable::Make(std::vector<Label> labels,
                                            std::optional<int> background) {
  if (labels.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the label table names nothing but background; ", kExample));
  }
  LabelTable table;
  table.class_of_.fill(-1);
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto& [name, value] = labels[i];
    if (absl::Status s = CheckName(name); !s.ok()) return s;
    if (absl::Status s = CheckValue(name, value); !s.ok()) return s;
    if (name == kBackground || table.ClassOfName(name) >= 0) {
      return absl::InvalidArgumentError(absl::StrFormat("the label name %s is given twice", name));
    }
    if (const int other = table.class_of_[value]; other >= 0) {
      return absl::InvalidArgumentError(
          absl::StrFormat("the labels %s and %s have the same value %d; values must differ",
                          labels[other - 1].name, name, value));
    }
    table.class_of_[value] = static_cast<int16_t>(i + 1);
    table.labels_.push_back(labels[i]);
  }
  if (!background.has_value()) {
    if (table.class_of_[0] >= 0 && table.class_of_[255] >= 0) {
      return absl::InvalidArgumentError(
          "both 0 and 255 are labels, so the background's value is not clear; add "
          "background=VALUE");
    }
    background = table.class_of_[0] < 0 ? 0 : 255;
  }
  if (absl::Status s = CheckValue(kBackground, *background); !s.ok()) return s;
  if (const int other = table.class_of_[*background]; other >= 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the background and the label %s have the same value %d; values must differ",
        labels[other - 1].name, *background));
  }
  table.background_ = *background;
  table.class_of_[*background] = 0;
  return table;
}

absl::StatusOr<LabelTable> LabelTable::Infer(const MaskHistogram& values) {
  const auto distinct = std::ranges::count_if(values, [](int64_t count) { return count > 0; });
  if (distinct < 2) {
    return absl::InvalidArgumentError(
        "all pixels of all masks have the same value, so no structure is marked; check the masks, "
        "or "
        "give the label table with --labels");
  }
  if (distinct > kMaxInferredValues) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the masks have %d different values, too many for label values (at most %d are inferred); "
        "smoothed edges and JPEG compression do that: threshold the masks and store them as PNG, "
        "or give "
        "the label table with --labels",
        distinct, kMaxInferredValues));
  }
  const int background =
      static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
  std::vector<Label> labels;
  for (int value = 0; value < 256; ++value) {
    if (values[value] > 0 && value != background)
      labels.push_back({absl::StrCat("class-", value), value});
  }
  return Make(std::move(labels), background);
}

int LabelTable::ValueOf(int class_index) const {
  return class_index == 0 ? background_ : labels_[class_index - 1].value;
}

int LabelTable::ClassOfName(std::string_view name) const {
  if (name == kBackground) return 0;
  const auto found = std::ranges::find(labels_, name, &Label::name);
  return found == labels_.end() ? -1 : static_cast<int>(found - labels_.begin()) + 1;
}

absl::Status LabelTable::CheckMask(std::span<const uint8_t> pixels,
                                   std::string_view mask_name) const {
  MaskHistogram histogram{};
  AddToHistogram(pixels, histogram);
  return CheckHistogram(histogram, mask_name);
}

absl::Status LabelTable::CheckHistogram(MaskHistogram pixels, std::string_view mask_name) const {
  for (int value = 0; value < 256; ++value) {
    if (class_of_[value] >= 0) pixels[value] = 0;
  }
  const auto worst = std::max_element(pixels.begin(), pixels.end());
  if (*worst == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: value %d (%d pixels) is not in the label table %s; add it with --labels, or correct the "
      "mask "
      "(smoothed edges and JPEG compression make such values: threshold it and store it as PNG)",
      mask_name, worst - pixels.begin(), *worst, ToString()));
}

void LabelTable::ToClasses(std::span<uint8_t> pixels) const {
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(class_of_[pixel]);
}

void LabelTable::ToValues(std::span<uint8_t> pixels) const {
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(ValueOf(pixel));
}

std::string LabelTable::ToString() const {
  std::string text;
  for (const Label& label : labels_) absl::StrAppend(&text, label.name, "=", label.value, ",");
  return absl::StrCat(text, kBackground, "=", background_);
}

}  // namespace alignflow
