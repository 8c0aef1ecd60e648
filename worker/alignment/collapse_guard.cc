#include "worker/alignment/collapse_guard.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace alignflow {

using nlohmann::json;

CollapseGuard::Verdict CollapseGuard::Look(int64_t step, double misalignment, double diversity) {
  const bool finite = std::isfinite(misalignment) && std::isfinite(diversity);
  if (!finite || diversity < options_.least_diversity) return Verdict::kCollapsed;
  if (misalignment < best_) {
    best_ = misalignment;
    best_step_ = step;
    since_best_ = 0;
    return Verdict::kBest;
  }
  ++since_best_;
  return since_best_ >= options_.patience ? Verdict::kExhausted : Verdict::kWorse;
}

std::string CollapseGuard::ToJson() const {
  return json{{"best_step", best_step_}, {"best", best_}, {"since_best", since_best_}}.dump();
}

void CollapseGuard::Restore(const std::string& text) {
  try {
    const json source = json::parse(text);
    const int64_t step = source.at("best_step"), since = source.at("since_best");
    best_ = source.at("best");
    best_step_ = step;
    since_best_ = since;
  } catch (const json::exception& error) {
    throw std::runtime_error(std::string("not the state of a collapse guard: ") + error.what());
  }
}

double LeastDiversity(double floor, double stage1, double references, int64_t reference_count) {
  return floor * (reference_count < 2 ? 0.1 * stage1 : std::min(stage1, references));
}

}  // namespace alignflow
