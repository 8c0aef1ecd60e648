#include "worker/figures/gates.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "common/settings/pair_mix.h"

namespace alignflow {
namespace {

constexpr int64_t kGateResamples = 500;

}  // namespace

std::optional<double> MaskAgreementOf(const FigureSubject& made, int64_t row) {
  const nlohmann::json record = nlohmann::json::parse(made.pairs.records[row]);
  if (!record.contains("gates")) return std::nullopt;
  return record["gates"].at("mask_agreement").get<double>();
}

namespace {

// A figure of pairs, a value each.
double AddGateFigure(const FigureSubject& made, const char* name,
                     const std::vector<double>& by_pair, double scale, const char* better,
                     const char* unit, bool ran, bool whole_volumes, FigureTable& table) {
  Figure figure{.name = name,
                .subject = made.name,
                .value = {},
                .interval = {},
                .better = better,
                .unit = unit,
                .note = ran ? "not available: no pair's mask shows a structure"
                            : "not available: the gates were off",
                .sample_count = made.size()};
  if (!by_pair.empty()) {
    const at::Tensor values = at::tensor(by_pair, at::kDouble) * scale;
    figure.value = values.mean().item<double>();
    figure.interval = IntervalOfMean(values, kGateResamples, table.NextStream());
    figure.note.clear();
    figure.whole_volumes = whole_volumes;
    figure.sample_count = static_cast<int64_t>(by_pair.size());
  }
  table.Add(figure);
  return figure.value.value_or(0);
}

GateFindings AddFiguresOf(const FigureSubject& made, FigureTable& table) {
  GateFindings found;
  std::vector<double> agreements, copies;
  for (int64_t row = 0; row < made.size(); ++row) {
    const nlohmann::json record = nlohmann::json::parse(made.pairs.records[row]);
    const std::string kind = KindOfPair(made, row);
    if (kind == NameOf(PairKind::kRestyled)) ++found.restyled;
    if (kind == NameOf(PairKind::kRecoloured)) ++found.recoloured;
    if (kind == "framed") ++found.framed;
    if (!record.contains("gates")) continue;
    ++found.judged;
    // A mask of background alone is met by whatever shows nothing.
    if (made.set.classes[row].any().item<bool>()) {
      agreements.push_back(record["gates"].at("mask_agreement"));
    }
    copies.push_back(record["gates"].value("near_copy", false) ? 1 : 0);
    if (copies.back() > 0) ++found.near_copies;
  }
  found.with_structures = static_cast<int64_t>(agreements.size());
  found.ran = found.judged > 0;
  found.mask_agreement = AddGateFigure(made, "mask agreement", agreements, 1, "higher", "Dice",
                                       found.ran, /*whole_volumes=*/true, table);
  AddGateFigure(made, "near copies (percent)", copies, 100, "lower", "percent", found.ran,
                /*whole_volumes=*/false, table);
  return found;
}

}  // namespace

GateFindings AddGateFigures(const FigureSets& sets, FigureTable& table) {
  for (const FigureSubject& part : sets.subjects) {
    if (!part.rows.empty()) AddFiguresOf(part, table);
  }
  const FigureSubject& made = sets.made();
  GateFindings found = AddFiguresOf(made, table);
  std::vector<double> outcomes;
  if (found.ran) {
    outcomes.assign(made.pairs.handed_out, 0);
    outcomes.insert(outcomes.end(), made.pairs.left_out, 1);
  }
  found.left_out_share = AddGateFigure(made, "left out (percent)", outcomes, 100, "lower",
                                       "percent", found.ran, /*whole_volumes=*/true, table) /
                         100;
  return found;
}

}  // namespace alignflow
