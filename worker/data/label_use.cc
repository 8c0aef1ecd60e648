#include "worker/data/label_use.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/counted.h"

namespace alignflow {
namespace {

// A guess must not make a class of a slip of a pen or of an export: of a value this near to another
// one and with at most this share of its pixels. Values up to kLastIndex are numbers of classes,
// one beside the other, as rare as they may be.
constexpr int kLastIndex = 16;
constexpr int kSlipDistance = 8;
constexpr double kSlipShare = 0.001;

std::string PixelCount(int64_t pixels) { return Counted(pixels, "pixel"); }

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// The value other than `value` that is nearest and for which `eligible` holds; -1 if there is none.
template <typename Eligible>
int Nearest(int value, const Eligible& eligible) {
  for (int distance = 1; distance < 256; ++distance) {
    for (const int other : {value - distance, value + distance}) {
      if (other >= 0 && other < 256 && eligible(other)) return other;
    }
  }
  return -1;
}

std::string NameOf(const LabelTable& table, int value) {
  const int index = table.ClassOf(value);
  return absl::StrCat(index == 0 ? "background" : table.labels()[index - 1].name, "=", value);
}

// How the masks store a value.
std::string CodeOf(const LabelTable& table, int value) {
  const int index = table.ClassOf(value);
  return index < 0 ? absl::StrCat(value) : table.CodeText(index);
}

// "value 254 (3 pixels in 2 masks: masks/a.png, masks/b.png)".
std::string Occurrence(const LabelUse& use, int value, const MaskPath& path) {
  std::vector<std::string> names;
  for (const size_t index : use.first_masks(value))
    names.push_back(ShownPath(path(index).filename()));
  const size_t masks = use.masks_with(value);
  std::string text = absl::StrCat("value ", value, " (", PixelCount(use.pixels(value)));
  if (masks == 1) return text + ")";
  return absl::StrCat(text, " in ", masks, " masks: ", FirstTen(names, masks), ")");
}

}  // namespace

void LabelUse::Remember(int value, size_t index) {
  std::vector<size_t>& first = first_[value];
  first.insert(std::ranges::upper_bound(first, index), index);
  if (first.size() > kNamedMasks) first.pop_back();
}

void LabelUse::Add(const cv::Mat& mask, size_t index) {
  MaskHistogram here{};
  for (int row = 0; row < mask.rows; ++row) {
    const std::span<const uint8_t> pixels(mask.ptr(row), static_cast<size_t>(mask.cols));
    AddToHistogram(pixels, here);
    if (row == 0 || row == mask.rows - 1) {
      AddToHistogram(pixels, border_);
    } else {
      ++border_[pixels.front()];
      ++border_[pixels.back()];
    }
  }
  ++masks_;
  pixels_in_all_ += static_cast<int64_t>(mask.rows) * mask.cols;
  for (int value = 0; value < 256; ++value) {
    if (here[value] == 0) continue;
    pixels_[value] += here[value];
    ++masks_with_[value];
    Remember(value, index);
  }
}

void LabelUse::Add(const LabelUse& other) {
  masks_ += other.masks_;
  pixels_in_all_ += other.pixels_in_all_;
  for (int value = 0; value < 256; ++value) {
    pixels_[value] += other.pixels_[value];
    border_[value] += other.border_[value];
    masks_with_[value] += other.masks_with_[value];
    for (const size_t index : other.first_[value]) Remember(value, index);
  }
}

std::vector<LabelRow> LabelRows(const LabelTable& table, const LabelUse& use) {
  std::vector<LabelRow> rows;
  for (int index = 0; index < table.classes(); ++index) {
    const int value = table.ValueOf(index);
    rows.push_back({.value = value,
                    .code = table.CodeText(index),
                    .name = index == 0 ? "background" : table.labels()[index - 1].name,
                    .class_index = index,
                    .pixels = use.pixels(value),
                    .share = Share(use.pixels(value), use.pixels()),
                    .masks = use.masks_with(value)});
  }
  return rows;
}

std::vector<std::string> LabelWarnings(const LabelTable& table, const LabelUse& use) {
  std::vector<std::string> warnings;
  int most = table.background();
  int64_t border = 0;
  for (int value = 0; value < 256; ++value) {
    border += use.border(value);
    if (use.border(value) > use.border(most)) most = value;
  }
  if (most != table.background()) {
    warnings.push_back(absl::StrFormat(
        "the background is %s, but along the borders of the masks %s is the most frequent value "
        "(%.0f %% of them): if that is the background, say so with background=%s in --labels",
        table.CodeText(0), CodeOf(table, most), 100 * Share(use.border(most), border),
        CodeOf(table, most)));
  }
  for (const LabelRow& row : LabelRows(table, use)) {
    if (row.pixels > 0) continue;
    warnings.push_back(absl::StrFormat(
        "no mask holds a pixel of %s (value %s); check its value in --labels", row.name, row.code));
  }
  return warnings;
}

void AddStrayValues(const LabelTable& table, const LabelUse& use, const MaskPath& path,
                    FaultList& faults) {
  std::vector<int> strays;
  for (int value = 0; value < 256; ++value) {
    if (use.pixels(value) > 0 && table.ClassOf(value) < 0) strays.push_back(value);
  }
  std::ranges::stable_sort(strays, std::ranges::greater{},
                           [&use](int value) { return use.pixels(value); });
  for (const int value : strays) {
    const int nearest = Nearest(value, [&](int other) { return table.ClassOf(other) >= 0; });
    faults.Add({.kind = "label values that --labels does not name",
                .remedy = absl::StrCat(
                    "correct the masks (smoothed edges and JPEG make such values: threshold them "
                    "and store them as PNG), or name the value: --labels ",
                    table.ToString(), ",NAME=VALUE"),
                .path = path(use.first_masks(value).front()),
                .reason = absl::StrCat(Occurrence(use, value, path),
                                       " is no label; the nearest is ", NameOf(table, nearest))});
  }
}

std::optional<LabelTable> GuessLabels(const LabelUse& use, bool lossy,
                                      const std::filesystem::path& dir, const MaskPath& path,
                                      FaultList& faults) {
  absl::StatusOr<LabelTable> guess = LabelTable::Infer(use.histogram(), lossy);
  if (!guess.ok()) {
    const std::string text(guess.status().message());
    const size_t end = std::min(text.find("; "), text.size());
    faults.Add({.kind = "label values",
                .remedy = end < text.size() ? text.substr(end + 2) : "see --labels",
                .path = dir,
                .reason = text.substr(0, end)});
    return std::nullopt;
  }
  if (lossy) return *std::move(guess);
  bool slips = false;
  for (int value = 0; value < 256; ++value) {
    if (value <= kLastIndex || use.pixels(value) == 0) continue;
    const int nearest = Nearest(value, [&](int other) { return use.pixels(other) > 0; });
    if (std::abs(nearest - value) > kSlipDistance ||
        use.pixels(value) > kSlipShare * static_cast<double>(use.pixels(nearest))) {
      continue;
    }
    slips = true;
    faults.Add({.kind = "label values that look like a slip",
                .remedy = "correct the masks, or name every value with --labels",
                .path = path(use.first_masks(value).front()),
                .reason = absl::StrCat(Occurrence(use, value, path), " stands beside value ",
                                       nearest, " (", PixelCount(use.pixels(nearest)),
                                       ") and would become a class of its own")});
  }
  if (slips) return std::nullopt;
  return *std::move(guess);
}

}  // namespace alignflow
