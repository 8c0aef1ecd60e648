#ifndef ALIGNFLOW_WORKER_FIGURES_IMAGES_H_
#define ALIGNFLOW_WORKER_FIGURES_IMAGES_H_

#include <functional>

#include "worker/figures/features.h"
#include "worker/figures/subjects.h"
#include "worker/figures/table.h"

namespace alignflow {

// Roughness, and how clearly the masks show.
void AddImageFigures(const FigureSets& sets, FigureTable& table);

// SSIM, PSNR and LPIPS of generated images, one by one: to images of the target, as the paper does
// (image i to image i, beginning anew where the target ends: the two have nothing in common but
// their domain), and to the source image whose mask they have, which says how much of it was kept.
// `each_batch` may throw.
void AddLikeness(const FigureSets& sets, const LpipsModel& lpips, at::Device device,
                 const std::function<void()>& each_batch, FigureTable& table);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_IMAGES_H_
