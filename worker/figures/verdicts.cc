#include "worker/figures/verdicts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace alignflow {
namespace {

constexpr double kSame = 0.05;         // p-value from which source and references are one
constexpr double kFalseAlarms = 0.05;  // of a job's comparisons, whole pictures and views, together
constexpr double kMostLeftOut = 0.2;   // share of pairs that may fail the gates

struct Verdict {
  std::string verdict;
  std::string reason;
};

// What a verdict lacks; nothing where it can be given.
std::optional<Verdict> Unmeasured(const char* name, const JobFindings& found) {
  const std::vector<std::string> missing = MissingEvidence(name, found.known);
  if (missing.empty()) return std::nullopt;
  return Verdict{"not measured",
                 absl::StrCat("too little evidence: there are ", absl::StrJoin(missing, "; "))};
}

// Of figures that are held against the target.
std::string LeftOut(const JobFindings& found) {
  if (found.not_held_out == 0) return "";
  return absl::StrCat("; ", found.not_held_out,
                      " target images that are in the source, among the references or of a "
                      "reference's group are left out");
}

Verdict Alignment(const JobFindings& found) {
  if (!found.has_references) {
    return {"not measured", "the model knows no references, so there is nothing to be aligned to"};
  }
  if (const auto missing = Unmeasured("alignment", found)) return *missing;
  const AlignmentFindings& sets = found.alignment;
  if (!sets.made_distance || !sets.same_p_value) {
    return {"not measured", absl::StrCat("there are too few images of ", found.target)};
  }
  if (*sets.same_p_value >= kSame) {
    return {"nothing to gain",
            absl::StrFormat("the source images cannot be told from the %d references (p = %.2g)",
                            found.references, *sets.same_p_value)};
  }
  const std::string numbers =
      absl::StrFormat(
          "%s to the %s is %.3g with the pairs and %.3g with the source images (difference %.3g, "
          "95 %% interval %.3g to %.3g)",
          sets.distance, found.target, *sets.made_distance, *sets.source_distance,
          *sets.source_distance - *sets.made_distance, sets.gain.low, sets.gain.high) +
      LeftOut(found);
  if (sets.gain.low > 0) return {"good", absl::StrCat("the pairs are nearer: ", numbers)};
  return {"poor", absl::StrCat("the pairs are not clearly nearer: ", numbers)};
}

Verdict Diversity(const JobFindings& found) {
  if (const auto missing = Unmeasured("diversity", found)) return *missing;
  if (!found.diversity.share) return {"not measured", found.diversity.none};
  const double share = *found.diversity.share;
  return {share >= found.diversity_needed ? "good" : "poor",
          absl::StrFormat("the pairs differ from one another %.0f %% as much as the %s images; "
                          "gates.diversity asks for %.0f %%",
                          100 * share,
                          found.diversity.of == "references" ? "reference" : found.diversity.of,
                          100 * found.diversity_needed)};
}

Verdict MaskAgreement(const JobFindings& found) {
  const GateFindings& gates = found.gates;
  if (!gates.ran) return {"not measured", "the gates were off"};
  if (const auto missing = Unmeasured("mask agreement", found)) return *missing;
  const bool good =
      gates.left_out_share <= kMostLeftOut && gates.mask_agreement >= found.mask_agreement_needed;
  return {good ? "good" : "poor",
          absl::StrFormat("a segmenter trained on the source sees the asked masks in the pairs "
                          "with a mean Dice of %.2f; %.1f %% of the pairs were left out",
                          gates.mask_agreement, 100 * gates.left_out_share)};
}

Verdict Memorization(const JobFindings& found) {
  const GateFindings& gates = found.gates;
  std::vector<std::string> copies;
  for (const auto& [count, kind] : {std::pair{gates.restyled, "restyled"},
                                    {gates.recoloured, "recoloured"},
                                    {gates.framed, "in other frames"}}) {
    if (count > 0) copies.push_back(absl::StrCat(count, " ", kind));
  }
  if (!copies.empty()) {
    return {"declared",
            absl::StrFormat("of the pairs %s are source images (%d near copies): they must not be "
                            "released where the source images may not",
                            absl::StrJoin(copies, " and "), gates.near_copies)};
  }
  if (!gates.ran) return {"not measured", "the gates were off"};
  if (found.memorization_needed == 0) return {"not measured", "gates.memorization is 0"};
  if (gates.near_copies == 0) {
    if (const auto missing = Unmeasured("memorization", found)) return *missing;
    return {"good",
            absl::StrFormat("none of %d pairs is a near copy of a real image", gates.judged)};
  }
  return {"poor", absl::StrFormat("%d of %d pairs are near copies of real images",
                                  gates.near_copies, gates.judged)};
}

// The p-value of one of the job's comparisons, corrected for their number.
double CorrectedP(const JobFindings& found, const std::optional<DownstreamGain>& measured) {
  if (!found.whole || !found.views) return measured->gain.p_value;
  const std::vector<double> corrected =
      HolmCorrected({found.whole->gain.p_value, found.views->gain.p_value});
  return corrected[&measured == &found.whole ? 0 : 1];
}

Verdict Downstream(const JobFindings& found, const std::optional<DownstreamGain>& measured,
                   const Quantities& known, const char* trained) {
  if (!measured) {
    return {"not measured",
            "no segmentation models were compared: that takes a target with masks, "
            "evaluate.segmenter and evaluate.pictures"};
  }
  const std::vector<std::string> missing = MissingEvidence("downstream", known);
  if (!missing.empty()) {
    return {"not measured",
            absl::StrCat("too little evidence: there are ", absl::StrJoin(missing, "; "))};
  }
  const PairedGain& gain = measured->gain;
  const double corrected = CorrectedP(found, measured);
  const std::string numbers =
      absl::StrFormat(
          "training with the pairs%s changes mDice on the target by %+.1f points, from %.1f to "
          "%.1f (95 %% interval of the change %+.1f to %+.1f, p = %.2g%s)",
          trained, 100 * gain.value, 100 * measured->real, 100 * measured->both,
          100 * gain.interval.low, 100 * gain.interval.high, gain.p_value,
          corrected == gain.p_value
              ? ""
              : absl::StrFormat(", %.2g corrected for both comparisons", corrected)) +
      LeftOut(found);
  const bool shown = corrected <= kFalseAlarms;
  if (gain.interval.low > 0 && shown) return {"good", numbers};
  if (gain.interval.high < 0 && shown) return {"poor", numbers};
  return {"no difference shown", numbers};
}

// Which way this hospital gains most from, as far as it was measured.
std::string BestWay(const JobFindings& found) {
  if (!found.whole || !found.views) return "";
  struct Way {
    const char* what;
    double dice;
  };
  const Way ways[] = {
      {"whole pictures without pairs", found.whole->real},
      {"whole pictures with pairs", found.whole->both},
      {"every picture cut to its view (`afctl view`) without pairs", found.views->real},
      {"every picture cut to its view (`afctl view`) with pairs (`afctl pairs pull --frames view`)",
       found.views->both}};
  const Way& best = *std::ranges::max_element(ways, {}, &Way::dice);
  return absl::StrFormat("; of the four ways this one scored highest: %s, mDice %.1f", best.what,
                         100 * best.dice);
}

}  // namespace

std::string VerdictsJson(const JobFindings& found) {
  nlohmann::json verdicts = nlohmann::json::array();
  const auto add = [&](const char* name, const Verdict& verdict) {
    verdicts.push_back({{"name", name}, {"verdict", verdict.verdict}, {"reason", verdict.reason}});
  };
  add("alignment", Alignment(found));
  add("diversity", Diversity(found));
  add("mask agreement", MaskAgreement(found));
  add("memorization", Memorization(found));
  add("downstream", Downstream(found, found.whole, found.known, ""));
  if (found.views) {
    Verdict views = Downstream(found, found.views, found.views_known, ", all cut to their views,");
    views.reason += BestWay(found);
    add("downstream on views", views);
  }
  return verdicts.dump();
}

}  // namespace alignflow
