#ifndef ALIGNFLOW_WORKER_FIGURES_CLASSES_H_
#define ALIGNFLOW_WORKER_FIGURES_CLASSES_H_

#include "worker/figures/distances.h"
#include "worker/figures/features.h"
#include "worker/figures/subjects.h"
#include "worker/figures/table.h"

namespace alignflow {

// "class accuracy (percent)" of the source and of all sets of pairs, where the source's images have
// classes: whether a classifier that was trained on real images tells a pair's class as its record
// does. It is cross-fitted: neither the image in question nor any of its group, nor for a pair the
// image whose mask it has, was trained on. The notes have the confusion matrix. `features` are of
// `space`. Nothing where the source has fewer than two classes.
void AddClassFigures(const FeatureSpace& space, const FigureSets& sets,
                     const FeaturesByName& features, FigureTable& table);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_CLASSES_H_
