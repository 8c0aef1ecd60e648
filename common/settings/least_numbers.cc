#include "common/settings/least_numbers.h"

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr std::string_view kStandardised = "features are standardised by how the images differ";
constexpr std::string_view kNothingToLearn = "there is nothing to learn from empty masks";

struct NumberWords {
  Quantity quantity;
  std::string_view one, many;
  std::string_view remedy;
};

constexpr NumberWords kWords[] = {
    {Quantity::kSourceImages, "different source image", "different source images",
     "push a source with more images"},
    {Quantity::kSourceStructures, "source image whose mask shows a structure",
     "source images whose masks show a structure", "push a source whose masks show the structures"},
    {Quantity::kReferences, "different reference", "different references",
     "put more images into the folder of --references"},
    {Quantity::kTargetImages, "target image of its own", "target images of their own",
     "push a --target with more images that are neither in the source nor among the references"},
    {Quantity::kTargetStructures, "target image whose mask shows a structure",
     "target images whose masks show a structure",
     "push a --target whose masks show the structures, or go without the evaluation with "
     "--segmenter none"},
    {Quantity::kTargetGroups, "independent group of target images",
     "independent groups of target images",
     "push a --target with images of more sequences or patients"},
    {Quantity::kPairs, "pair", "pairs", "ask for more with --pairs and --set figures.samples"},
    {Quantity::kPairStructures, "pair whose mask shows a structure",
     "pairs whose masks show a structure", "ask for more with --pairs"},
    {Quantity::kRuns, "run on each side", "runs on each side", "--set evaluate.seeds"},
    {Quantity::kRunSteps, "training step", "training steps", "--set evaluate.iterations"},
};

const NumberWords& WordsOf(Quantity quantity) {
  for (const NumberWords& words : kWords) {
    if (words.quantity == quantity) return words;
  }
  return kWords[0];
}

std::string Counted(Quantity quantity, int64_t count) {
  const NumberWords& words = WordsOf(quantity);
  return absl::StrCat(count, " ", std::string(count == 1 ? words.one : words.many));
}

}  // namespace

const std::vector<LeastNumber>& LeastNumbersOfTasks() {
  static const auto* const rows = new std::vector<LeastNumber>{
      {"fit", Quantity::kSourceImages, 1, "stage 1 learns them"},
      {"fit", Quantity::kSourceStructures, 1, kNothingToLearn},
      {"fit-masks", Quantity::kSourceStructures, 1, kNothingToLearn},
      {"judge", Quantity::kSourceStructures, 1, kNothingToLearn},
      {"align", Quantity::kSourceImages, 2, kStandardised},
      {"align", Quantity::kReferences, 1, "stage 2 learns their look"},
      {"generate", Quantity::kSourceImages, 2, "copies are told by how near images come"},
      {"transfer", Quantity::kSourceStructures, 1, kNothingToLearn},
      {"transfer", Quantity::kReferences, 1, "their colours are taken over"},
      {"evaluate", Quantity::kSourceStructures, 1, kNothingToLearn},
      {"evaluate", Quantity::kTargetStructures, 1, "scores are of structures"},
      {"figures", Quantity::kSourceImages, 2, kStandardised},
      {"figures", Quantity::kReferences, 1, "they are compared with"},
  };
  return *rows;
}

const std::vector<LeastNumber>& LeastNumbersOfVerdicts() {
  static const auto* const rows = new std::vector<LeastNumber>{
      {"alignment", Quantity::kSourceImages, 8, "a permutation test against the references"},
      {"alignment", Quantity::kReferences, 3, "the same test"},
      {"alignment", Quantity::kTargetImages, 4, "a distance to them"},
      {"alignment", Quantity::kPairs, 8, "a distance of them"},
      {"diversity", Quantity::kSourceImages, 8, "a mean distance between them"},
      {"diversity", Quantity::kPairs, 8, "likewise"},
      {"mask agreement", Quantity::kPairStructures, 8, "a mean over them"},
      {"memorization", Quantity::kSourceImages, 8, "the unit is how near they come"},
      {"memorization", Quantity::kPairs, 8, "a share of them"},
      {"downstream", Quantity::kRuns, 3, "models of other seeds differ by points"},
      {"downstream", Quantity::kRunSteps, 50, "models that learned nothing tell nothing"},
      {"downstream", Quantity::kTargetStructures, 8, "a mean over them"},
      {"downstream", Quantity::kTargetGroups, 5, "frames of one video are one observation"},
  };
  return *rows;
}

std::string_view QuantityName(Quantity quantity) { return WordsOf(quantity).many; }

absl::Status CheckLeastNumbers(std::string_view kind, const Quantities& known) {
  for (const LeastNumber& row : LeastNumbersOfTasks()) {
    const auto count = known.find(row.quantity);
    if (row.needed_by != kind || count == known.end() || count->second >= row.least) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "there ", count->second == 1 ? "is " : "are ", Counted(row.quantity, count->second),
        ", at least ", row.least, row.least == 1 ? " is" : " are", " needed (",
        std::string(row.why), "); ", std::string(WordsOf(row.quantity).remedy)));
  }
  return absl::OkStatus();
}

std::vector<std::string> MissingEvidence(std::string_view verdict, const Quantities& known) {
  std::vector<std::string> missing;
  for (const LeastNumber& row : LeastNumbersOfVerdicts()) {
    if (row.needed_by != verdict) continue;
    const auto found = known.find(row.quantity);
    const int64_t count = found == known.end() ? 0 : found->second;
    if (count >= row.least) continue;
    const std::string_view remedy = WordsOf(row.quantity).remedy;
    missing.push_back(
        absl::StrCat(Counted(row.quantity, count), ", needs ", row.least, " (", std::string(remedy),
                     remedy.starts_with("--set") ? absl::StrCat("=", row.least) : "", ")"));
  }
  return missing;
}

}  // namespace alignflow
