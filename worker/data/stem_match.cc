#include "worker/data/stem_match.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <unordered_map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

enum class Fold { kNone, kCompose, kCase };

// Stems that are no UTF-8 stay as they are.
std::string Folded(const std::string& stem, Fold fold) {
  if (fold == Fold::kNone) return stem;
  int options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  if (fold == Fold::kCase) options |= UTF8PROC_CASEFOLD;
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(stem.data()),
                                             static_cast<utf8proc_ssize_t>(stem.size()), &mapped,
                                             static_cast<utf8proc_option_t>(options));
  std::string text = size < 0 ? stem : std::string(reinterpret_cast<char*>(mapped), size);
  std::free(mapped);
  return text;
}

std::vector<std::string> Folded(const std::vector<std::string>& stems, Fold fold) {
  std::vector<std::string> folded;
  folded.reserve(stems.size());
  for (const std::string& stem : stems) folded.push_back(Folded(stem, fold));
  return folded;
}

// What a stem carries to say that it is a mask's (or an image's). Empty: nothing.
struct Mark {
  std::string text;  // with what separates it from the stem
  bool in_front = false;

  bool On(const std::string& stem) const {
    return stem.size() > text.size() && (in_front ? absl::StartsWithIgnoreCase(stem, text)
                                                  : absl::EndsWithIgnoreCase(stem, text));
  }
  std::string_view Cut(std::string_view stem) const {
    return in_front ? stem.substr(text.size()) : stem.substr(0, stem.size() - text.size());
  }
  std::string Description() const {
    return absl::StrCat("`", text, "` ", in_front ? "in front" : "at its end");
  }
};

std::vector<Mark> MakeMarks(std::initializer_list<const char*> at_end,
                            std::initializer_list<const char*> in_front) {
  std::vector<Mark> marks;
  for (const char* separator : {"_", "-", ".", " ", ""}) {
    for (const char* word : at_end) marks.push_back({absl::StrCat(separator, word)});
    for (const char* word : in_front) {
      marks.push_back({absl::StrCat(word, separator), true});
    }
  }
  return marks;
}

const std::vector<Mark>& MaskMarks() {
  static const auto* const kMarks = new std::vector<Mark>(
      MakeMarks({"mask", "masks", "segmentation", "seg", "segmented", "gt", "groundtruth",
                 "ground_truth", "label", "labels", "annotation", "annotations", "manual",
                 "manual1", "1st_manual", "1stHO", "binary_mask", "segmentation_mask"},
                {"mask", "masks", "segmentation", "seg", "gt", "groundtruth", "label", "labels",
                 "annotation"}));
  return *kMarks;
}

const std::vector<Mark>& ImageMarks() {
  static const auto* const kMarks = new std::vector<Mark>(
      MakeMarks({"image", "img", "original", "orig", "rgb", "photo", "training", "test"},
                {"image", "images", "img", "original", "photo"}));
  return *kMarks;
}

// Those of `marks` that at least half of the stems carry, after "none".
std::vector<Mark> MarksOfMost(const std::vector<std::string>& stems,
                              const std::vector<Mark>& marks) {
  std::vector<Mark> found = {{}};
  for (const Mark& mark : marks) {
    const auto with = std::ranges::count_if(stems, [&](const auto& stem) { return mark.On(stem); });
    if (2 * static_cast<size_t>(with) >= stems.size()) found.push_back(mark);
  }
  return found;
}

// Stems of one side by what a rule makes of them.
struct Keyed {
  std::unordered_map<std::string_view, size_t> first;
  std::vector<std::pair<size_t, size_t>> doubles;
  std::vector<size_t> without;  // the mark
};

Keyed KeysOf(const std::vector<std::string>& stems, const Mark& mark) {
  Keyed keyed;
  keyed.first.reserve(stems.size());
  for (size_t i = 0; i < stems.size(); ++i) {
    if (!mark.text.empty() && !mark.On(stems[i])) {
      keyed.without.push_back(i);
      continue;
    }
    const auto [at, added] = keyed.first.emplace(mark.Cut(stems[i]), i);
    if (!added) keyed.doubles.emplace_back(i, at->second);
  }
  return keyed;
}

std::string RuleText(const Mark& image, const Mark& mask, Fold fold) {
  if (image.text.empty() && mask.text.empty()) {
    if (fold == Fold::kNone) return "";
    return fold == Fold::kCompose ? "the same name in Unicode's composed form"
                                  : "the same name, upper and lower case aside";
  }
  std::string text = "the mask's name is the image's";
  if (!image.text.empty()) absl::StrAppend(&text, " without ", image.Description());
  if (!mask.text.empty()) absl::StrAppend(&text, " with ", mask.Description());
  return text;
}

StemMatch MatchBy(const std::vector<std::string>& images, const Mark& image_mark,
                  const std::vector<std::string>& masks, const Mark& mask_mark, Fold fold) {
  Keyed image_keys = KeysOf(images, image_mark);
  Keyed mask_keys = KeysOf(masks, mask_mark);
  StemMatch match;
  match.rule = RuleText(image_mark, mask_mark, fold);
  match.images_alone = std::move(image_keys.without);
  match.masks_alone = std::move(mask_keys.without);
  match.image_doubles = std::move(image_keys.doubles);
  match.mask_doubles = std::move(mask_keys.doubles);
  for (const auto& [key, image] : image_keys.first) {
    const auto mask = mask_keys.first.find(key);
    if (mask == mask_keys.first.end()) {
      match.images_alone.push_back(image);
    } else {
      match.pairs.emplace_back(image, mask->second);
      mask_keys.first.erase(mask);
    }
  }
  for (const auto& [key, mask] : mask_keys.first) match.masks_alone.push_back(mask);
  std::ranges::sort(match.pairs);
  std::ranges::sort(match.images_alone);
  std::ranges::sort(match.masks_alone);
  return match;
}

}  // namespace

StemMatch MatchStems(const std::vector<std::string>& images,
                     const std::vector<std::string>& masks) {
  StemMatch best = MatchBy(images, {}, masks, {}, Fold::kNone);
  // True once the rule to be used is found.
  const auto improve = [&best](StemMatch match) {
    if (match.whole() || match.pairs.size() > best.pairs.size()) best = std::move(match);
    return best.whole();
  };
  if (best.whole() || images.empty() || masks.empty()) return best;
  for (const Fold fold : {Fold::kCompose, Fold::kCase}) {
    if (improve(MatchBy(Folded(images, fold), {}, Folded(masks, fold), {}, fold))) return best;
  }
  const std::vector<Mark> image_marks = MarksOfMost(images, ImageMarks());
  const std::vector<Mark> mask_marks = MarksOfMost(masks, MaskMarks());
  for (const Fold fold : {Fold::kCompose, Fold::kCase}) {
    const std::vector<std::string> folded_images = Folded(images, fold);
    const std::vector<std::string> folded_masks = Folded(masks, fold);
    for (const Mark& image_mark : image_marks) {
      for (const Mark& mask_mark : mask_marks) {
        if (image_mark.text.empty() && mask_mark.text.empty()) continue;
        if (improve(MatchBy(folded_images, image_mark, folded_masks, mask_mark, fold))) return best;
      }
    }
  }
  return best;
}

std::optional<MarkedMasks> FindMarkedMasks(const std::vector<std::string>& stems) {
  std::optional<MarkedMasks> best;
  const std::vector<std::string> folded = Folded(stems, Fold::kCase);
  for (const Mark& mark : MaskMarks()) {
    const std::string_view text = mark.text;
    // Without a separator "img_bismask" would be the mask of "img_bis".
    if (absl::ascii_isalnum(mark.in_front ? text.back() : text.front())) continue;
    MarkedMasks split;
    std::vector<std::string> images, masks;
    for (size_t i = 0; i < folded.size(); ++i) {
      const bool marked = mark.On(folded[i]);
      (marked ? masks : images).push_back(folded[i]);
      (marked ? split.masks : split.images).push_back(i);
    }
    if (masks.empty() || (best && best->masks.size() >= masks.size())) continue;
    if (!MatchBy(images, {}, masks, mark, Fold::kCase).masks_alone.empty()) continue;
    split.mark = mark.Description();
    best = std::move(split);
  }
  return best;
}

}  // namespace alignflow
