#include "common/data/label_table.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace alignflow {
namespace {

constexpr char kBackground[] = "background";
constexpr char kExample[] =
    "write it as polyp=255 or cup=0,disc=128,background=255, or, for masks in colours, "
    "polyp=#ff0000,background=#000000";
constexpr uint32_t kWhite = 0xffffff;

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

// The label of a name and a value or a colour; nothing if the value is neither.
std::optional<LabelTable::Label> ParseValue(const std::string& name, const std::string& text) {
  if (const auto colour = ParseColour(text)) return LabelTable::Label{name, 0, colour};
  const bool digits = !text.empty() && text.size() <= 3 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  int value = 0;
  if (!digits || !absl::SimpleAtoi(text, &value)) return std::nullopt;
  return LabelTable::Label{name, value};
}

absl::Status CheckNames(const std::vector<LabelTable::Label>& labels) {
  if (labels.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the label table names nothing but background; ", kExample));
  }
  if (labels.size() > LabelTable::kMaxLabels) {
    return absl::InvalidArgumentError("the label table has more than 255 labels; leave some out");
  }
  std::set<std::string> names = {kBackground};
  for (const LabelTable::Label& label : labels) {
    if (absl::Status s = CheckName(label.name); !s.ok()) return s;
    if (!names.insert(label.name).second) {
      return absl::InvalidArgumentError(
          absl::StrFormat("the label name %s is given twice", label.name));
    }
  }
  return absl::OkStatus();
}

// `codes` are the labels' values or colours, which `text` writes.
template <typename Code, typename Text>
absl::Status CheckDistinct(const std::vector<LabelTable::Label>& labels,
                           const std::vector<Code>& codes, const Text& text) {
  std::map<Code, size_t> owners;
  for (size_t i = 0; i < codes.size(); ++i) {
    const auto [owner, added] = owners.emplace(codes[i], i);
    if (!added) {
      return absl::InvalidArgumentError(
          absl::StrFormat("the labels %s and %s have the same value %s; values must differ",
                          labels[owner->second].name, labels[i].name, text(codes[i])));
    }
  }
  return absl::OkStatus();
}

// The background that was given, or the one of the two usual ones that no label has.
template <typename Code, typename Text>
absl::StatusOr<Code> FreeBackground(std::optional<Code> given, const std::vector<Code>& codes,
                                    Code first, Code second, const Text& text) {
  if (given) return *given;
  for (const Code usual : {first, second}) {
    if (std::ranges::find(codes, usual) == codes.end()) return usual;
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "both %s and %s are labels, so the background's value is not clear; add background=VALUE",
      text(first), text(second)));
}

template <typename Code, typename Text>
absl::Status CheckBackground(const std::vector<LabelTable::Label>& labels,
                             const std::vector<Code>& codes, Code background, const Text& text) {
  const auto owner = std::ranges::find(codes, background);
  if (owner == codes.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("the background and the label %s have the same value %s; values must differ",
                      labels[owner - codes.begin()].name, text(background)));
}

int64_t CountAround(const MaskHistogram& values, int middle, int reach) {
  int64_t count = 0;
  for (int v = std::max(0, middle - reach); v <= std::min(255, middle + reach); ++v) {
    count += values[v];
  }
  return count;
}

// A histogram of masks stored with loss with each pixel at the peak that it lies near. Edges make a
// slope of values rather than a peak; these pixels are dropped where they are few, and left as they
// are where not.
MaskHistogram OnlyPeaks(const MaskHistogram& values) {
  constexpr int kPeakWidth = 3;
  constexpr double kLeastPeak = 0.001;  // of all pixels
  MaskHistogram rest = values, peaks{};
  const auto all = static_cast<double>(CountAround(values, 0, 255));
  for (;;) {
    const auto top = static_cast<int>(std::ranges::max_element(rest) - rest.begin());
    const int64_t narrow = CountAround(rest, top, kPeakWidth);
    const int64_t wide = CountAround(rest, top, LabelTable::kNear);
    if (static_cast<double>(narrow) < kLeastPeak * all || 2 * narrow < wide) break;
    peaks[top] = wide;
    for (int v = std::max(0, top - LabelTable::kNear); v <= std::min(255, top + LabelTable::kNear);
         ++v) {
      rest[v] = 0;
    }
  }
  const int64_t far = CountAround(rest, 0, 255);
  return static_cast<double>(far) < LabelTable::kMostFar * all ? peaks : values;
}

}  // namespace

std::string ColourText(uint32_t colour) { return absl::StrFormat("#%06x", colour); }

std::optional<uint32_t> ParseColour(std::string_view text) {
  uint32_t colour = 0;
  if (text.size() != 7 || text[0] != '#' ||
      !std::ranges::all_of(text.substr(1), [](char c) { return absl::ascii_isxdigit(c); }) ||
      !absl::SimpleHexAtoi(std::string(text.substr(1)), &colour)) {
    return std::nullopt;
  }
  return colour;
}

void AddToHistogram(std::span<const uint8_t> pixels, MaskHistogram& histogram) {
  for (const uint8_t pixel : pixels) ++histogram[pixel];
}

LabelTable::LabelTable() {
  class_of_.fill(-1);
  class_of_[0] = 0;
}

absl::StatusOr<LabelTable> LabelTable::Parse(std::string_view text) {
  std::vector<Label> labels;
  std::optional<Label> background;
  size_t colours = 0, entries = 0;
  for (const std::string& entry :
       std::vector<std::string>(absl::StrSplit(std::string(text), ','))) {
    const std::vector<std::string> parts = absl::StrSplit(entry, '=');
    std::optional<Label> label;
    if (parts.size() == 2) label = ParseValue(parts[0], parts[1]);
    if (!label) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "label '%s' is not name=value with a value of 0 to 255 or a colour #rrggbb; %s", entry,
          kExample));
    }
    ++entries;
    colours += label->colour.has_value();
    if (label->name != kBackground) {
      labels.push_back(*std::move(label));
    } else if (background.has_value()) {
      return absl::InvalidArgumentError("the background is given twice; give it once");
    } else {
      background = std::move(label);
    }
  }
  if (colours == 0) {
    return Make(std::move(labels), background ? std::optional(background->value) : std::nullopt);
  }
  if (colours < entries) {
    return absl::InvalidArgumentError(
        "some labels are given as grey values and some as colours; give all as one or the other");
  }
  return MakeColoured(std::move(labels), background ? background->colour : std::nullopt);
}

absl::StatusOr<LabelTable> LabelTable::Make(std::vector<Label> labels,
                                            std::optional<int> background) {
  std::vector<int> values;
  for (const Label& label : labels) {
    if (absl::Status s = CheckValue(label.name, label.value); !s.ok()) return s;
    values.push_back(label.value);
  }
  const auto text = [](int value) { return absl::StrCat(value); };
  if (absl::Status s = CheckNames(labels); !s.ok()) return s;
  if (absl::Status s = CheckDistinct(labels, values, text); !s.ok()) return s;
  absl::StatusOr<int> free = FreeBackground(background, values, 0, 255, text);
  if (!free.ok()) return free.status();
  if (absl::Status s = CheckValue(kBackground, *free); !s.ok()) return s;
  if (absl::Status s = CheckBackground(labels, values, *free, text); !s.ok()) return s;
  return LabelTable(std::move(labels), *free, std::nullopt);
}

absl::StatusOr<LabelTable> LabelTable::MakeColoured(std::vector<Label> labels,
                                                    std::optional<uint32_t> background) {
  std::vector<uint32_t> colours;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (!labels[i].colour || *labels[i].colour > kWhite) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "the label %s has no colour #rrggbb, but others have; give all as colours",
          labels[i].name));
    }
    colours.push_back(*labels[i].colour);
    labels[i].value = static_cast<int>(i) + 1;
  }
  if (absl::Status s = CheckNames(labels); !s.ok()) return s;
  if (absl::Status s = CheckDistinct(labels, colours, ColourText); !s.ok()) return s;
  absl::StatusOr<uint32_t> free = FreeBackground(background, colours, 0u, kWhite, ColourText);
  if (!free.ok()) return free.status();
  if (absl::Status s = CheckBackground(labels, colours, *free, ColourText); !s.ok()) return s;
  return LabelTable(std::move(labels), 0, *free);
}

LabelTable::LabelTable(std::vector<Label> labels, int background, std::optional<uint32_t> colour)
    : labels_(std::move(labels)), background_(background), background_colour_(colour) {
  class_of_.fill(-1);
  class_of_[background_] = 0;
  for (size_t i = 0; i < labels_.size(); ++i) {
    class_of_[labels_[i].value] = static_cast<int16_t>(i + 1);
  }
}

absl::StatusOr<LabelTable> LabelTable::Infer(const MaskHistogram& stored, bool lossy) {
  const MaskHistogram values = lossy ? OnlyPeaks(stored) : stored;
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

std::vector<std::string> LabelTable::Names() const {
  std::vector<std::string> names;
  for (const Label& label : labels_) names.push_back(label.name);
  return names;
}

int LabelTable::ValueOf(int class_index) const {
  return class_index == 0 ? background_ : labels_[class_index - 1].value;
}

uint32_t LabelTable::ColourOf(int class_index) const {
  return class_index == 0 ? *background_colour_ : *labels_[class_index - 1].colour;
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

std::string LabelTable::CodeText(int class_index) const {
  return coloured() ? ColourText(ColourOf(class_index)) : absl::StrCat(ValueOf(class_index));
}

std::string LabelTable::ToString() const {
  std::string text;
  for (int label = 1; label <= static_cast<int>(labels_.size()); ++label) {
    absl::StrAppend(&text, labels_[label - 1].name, "=", CodeText(label), ",");
  }
  return absl::StrCat(text, kBackground, "=", CodeText(0));
}

absl::Status CheckSameClasses(const LabelTable& source, std::string_view source_name,
                              const LabelTable& target, std::string_view target_name) {
  const std::vector<std::string> want = source.Names(), have = target.Names();
  if (have == want) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      std::string(target_name), " has the classes ", absl::StrJoin(have, ", "), ", but ",
      std::string(source_name), " has ", absl::StrJoin(want, ", "),
      "; push the target again with --labels of the same names in the same order (their values may "
      "differ), or set evaluate.segmenter=none to go without the downstream evaluation"));
}

}  // namespace alignflow
