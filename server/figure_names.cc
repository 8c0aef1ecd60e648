#include "server/figure_names.h"

#include <algorithm>
#include <array>
#include <string>

namespace alignflow {
namespace {

constexpr std::array<std::string_view, 35> kNames = {
    "mmd to target",
    "kid to target",
    "kd (efficientnet-lite2) to target",
    "kd (dinov3) to target",
    "fd (filter bank) to target",
    "fid to target",
    "fd (efficientnet-lite2) to target",
    "fd (dinov3) to target",
    "gap closed (percent)",
    "precision (filter bank) to target",
    "recall (filter bank) to target",
    "density (filter bank) to target",
    "coverage (filter bank) to target",
    "precision (dinov3) to target",
    "recall (dinov3) to target",
    "density (dinov3) to target",
    "coverage (dinov3) to target",
    "mean pairwise distance",
    "mean pairwise distance (dinov3)",
    "vendi score (filter bank)",
    "vendi score (dinov3)",
    "roughness (target = 1)",
    "mask contrast",
    "ssim to target",
    "psnr to target",
    "lpips to target",
    "ssim to source image",
    "psnr to source image",
    "lpips to source image",
    "mask agreement",
    "near copies (percent)",
    "left out (percent)",
    "mdice on target (percent)",
    "miou on target (percent)",
    "mdice gain (points)",
};
constexpr std::array<std::string_view, 11> kSubjects = {
    "source", "references", "stage 1",      "stage 2",          "recoloured",         "pairs",
    "target", "real only",  "real + pairs", "real only, views", "real + pairs, views"};

constexpr std::string_view kToTarget = " to target", kToReferences = " to references";

}  // namespace

bool IsKnownFigure(std::string_view name, std::string_view subject) {
  // Without a target the references take its place.
  std::string to_target(name);
  if (name.ends_with(kToReferences)) {
    to_target.replace(name.size() - kToReferences.size(), kToReferences.size(), kToTarget);
  }
  return std::ranges::find(kNames, to_target) != kNames.end() &&
         std::ranges::find(kSubjects, subject) != kSubjects.end();
}

}  // namespace alignflow
