#include "server/figure_names.h"

#include <algorithm>
#include <array>

namespace alignflow {
namespace {

constexpr std::array<std::string_view, 6> kNames = {
    "mmd to target",          "fd (filter bank) to target", "gap closed (percent)",
    "mean pairwise distance", "roughness (target = 1)",     "mask contrast",
};
constexpr std::array<std::string_view, 7> kSubjects = {"source", "references", "stage 1", "stage 2",
                                                       "target", "real",       "both"};

}  // namespace

bool IsKnownFigure(std::string_view name, std::string_view subject) {
  return std::ranges::find(kNames, name) != kNames.end() &&
         std::ranges::find(kSubjects, subject) != kSubjects.end();
}

}  // namespace alignflow
