#ifndef ALIGNFLOW_COMMON_DATA_LABEL_TABLE_H_
#define ALIGNFLOW_COMMON_DATA_LABEL_TABLE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// Number of pixels of each grey value, over one mask or many.
using MaskHistogram = std::array<int64_t, 256>;

void AddToHistogram(std::span<const uint8_t> pixels, MaskHistogram& histogram);

// What the grey values of a mask mean. Class 0 is the background; classes 1..n are the labels in
// the order in which they were given. Every class has one grey value, and a mask holds no other: a
// stray value is refused, never guessed at.
//
// A table may be of colours instead, where masks are stored as RGB: then each class has a colour,
// and its value is its number, 0 for the background and 1, 2, ... for the labels.
//
// Text form, as for `--labels`: comma-separated name=value; names of [a-z0-9_-], values 0..255 or
// colours as #rrggbb (all of one kind), both unique. The name `background` gives the background's
// value, at any place in the list. Without it the background is 0, or 255 where 0 is a label's, and
// an error where both are; of colours likewise #000000 or #ffffff.
//
// Immutable after construction, so safe to share between threads.
class LabelTable {
 public:
  struct Label {
    std::string name;
    int value = 0;
    std::optional<uint32_t> colour = {};  // 0xRRGGBB, in a table of colours
    bool operator==(const Label&) const = default;
  };
  static constexpr int kMaxLabels = 255;
  static constexpr int kMaxInferredValues = 8;

  // No labels, background 0: the table of a set of references.
  LabelTable();

  // InvalidArgument, naming the entry and the remedy.
  static absl::StatusOr<LabelTable> Parse(std::string_view text);
  static absl::StatusOr<LabelTable> Make(std::vector<Label> labels, std::optional<int> background);

  // A table of colours: every label has one, and their values are set here.
  static absl::StatusOr<LabelTable> MakeColoured(std::vector<Label> labels,
                                                 std::optional<uint32_t> background);

  // The table of masks that came without one: the most frequent value (the lower, if two are
  // equally so) is the background, the others are `class-<value>` in rising order. `values` counts
  // the pixels of all masks together. InvalidArgument if there are fewer than 2 or more than
  // kMaxInferredValues values. Of masks stored with loss, which have values of all kinds, the peaks
  // are taken, if almost all pixels lie near one.
  static absl::StatusOr<LabelTable> Infer(const MaskHistogram& values, bool lossy = false);

  // How far from its label's value loss moves a pixel, and the share of a mask's pixels, at edges,
  // that it may move further.
  static constexpr int kNear = 16;
  static constexpr double kMostFar = 0.02;

  int classes() const { return 1 + static_cast<int>(labels_.size()); }  // with the background
  int background() const { return background_; }
  const std::vector<Label>& labels() const { return labels_; }
  std::vector<std::string> Names() const;  // of classes 1..n

  bool coloured() const { return background_colour_.has_value(); }
  // 0xRRGGBB of class 0..classes()-1, in a table of colours.
  uint32_t ColourOf(int class_index) const;

  // The grey value of class 0..classes()-1.
  int ValueOf(int class_index) const;
  // How the masks store class 0..classes()-1: "128", or "#ff0000" in a table of colours.
  std::string CodeText(int class_index) const;
  // The class of a grey value 0..255; -1 if no class has it.
  int ClassOf(int value) const { return class_of_[value]; }
  // The class of a label's name ("background" is 0); -1 if there is none.
  int ClassOfName(std::string_view name) const;

  // InvalidArgument naming `mask_name`, the stray value that occurs most, its count and the remedy;
  // OK if there is none.
  absl::Status CheckMask(std::span<const uint8_t> pixels, std::string_view mask_name) const;
  absl::Status CheckHistogram(MaskHistogram pixels, std::string_view mask_name) const;

  // In place, between grey values and class indices. ToClasses: every value must have passed
  // CheckMask. ToValues: every index must be below classes().
  void ToClasses(std::span<uint8_t> pixels) const;
  void ToValues(std::span<uint8_t> pixels) const;

  // The text form, with the background last: "cup=0,disc=128,background=255" or
  // "polyp=#ff0000,background=#000000".
  std::string ToString() const;

  bool operator==(const LabelTable& other) const {
    return background_ == other.background_ && background_colour_ == other.background_colour_ &&
           labels_ == other.labels_;
  }

 private:
  // Of what has been checked.
  LabelTable(std::vector<Label> labels, int background, std::optional<uint32_t> colour);

  std::vector<Label> labels_;
  int background_ = 0;
  std::optional<uint32_t> background_colour_;
  std::array<int16_t, 256> class_of_;  // -1 where no class has the value
};

// Whether a segmentation model that learned the classes of `source` can be tested on masks of
// `target`: the labels have the same names in the same order. Their values and colours, and the
// background's, may differ. InvalidArgument with both and the remedy where it cannot; `source_name`
// and `target_name` say whose tables they are, as in "datasets/polyps".
absl::Status CheckSameClasses(const LabelTable& source, std::string_view source_name,
                              const LabelTable& target, std::string_view target_name);

// "#ff0000" and back; nothing if the text is no such colour. Upper case is read as well.
std::string ColourText(uint32_t colour);
std::optional<uint32_t> ParseColour(std::string_view text);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_LABEL_TABLE_H_
