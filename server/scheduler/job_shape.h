#ifndef ALIGNFLOW_SERVER_SCHEDULER_JOB_SHAPE_H_
#define ALIGNFLOW_SERVER_SCHEDULER_JOB_SHAPE_H_

#include <string>
#include <string_view>
#include <vector>

#include "common/settings/settings.h"

// What a job's kind, settings and datasets ask for, as far as its tasks depend on it. Pure. A
// setting that is not there asks for nothing.
namespace alignflow {

// As in proto/alignflow/v1/jobs.proto.
enum class JobKind {
  kAlign,    // from the source to pairs
  kFit,      // a stage-1 model alone
  kGenerate  // pairs from a model that is there
};

// What a job has besides its source.
struct JobInputs {
  bool references = true;
  bool target = false;
  bool masks = false;  // another dataset whose masks the pairs have
};

struct JobShape {
  bool fits_alone = false;  // nothing follows stage 1
  bool from_model = false;  // the tasks that made its models are there
  bool has_references = false;
  bool masks_apart = false;  // masks, and the images of restyled pairs, are another dataset's
  bool transfers = false;    // colour transfer of the source images: no model at all
  bool aligns = false;       // stage 2
  bool rolls_out = false;    // a pool of rollouts for stage 2
  bool makes_masks = false;  // new masks
  bool has_gates = false;    // pairs must pass before they are handed out
  int judges = 0;            // segmenters that the gates ask: one for each fold of the source
  bool recolours = false;    // some pairs are source images in the references' colours
  bool compares = false;     // images of stage 1 for the masks of the pairs that a model makes
  bool cuts_views = false;   // models see fields of view, not whole pictures
  bool frames_as_references = false;  // pairs get the references' frames
  int evaluation_runs = 0;  // segmentation models on each side; 0: no downstream evaluation
  std::vector<std::string> evaluated;  // what these see, in turn: "whole", "view"
  int shards = 0;                      // of all pairs
  int compared_pairs = 0;              // pairs that the figures look at
  int compared_shards = 0;             // the shards that hold them
  // The shards whose pairs segmentation models are trained on: all, or of a large job these, spread
  // evenly. A training takes no more pairs than it has steps for, however many there are.
  std::vector<int> evaluated_shards;
};

// Shards of pairs that one segmentation model is trained on, at most: 10,240 pairs.
inline constexpr int kMostEvaluatedShards = 320;

// What the tasks of a job work on, as tasks are told: "view" or "whole".
std::string PicturesOf(const JobShape& shape);

JobShape ShapeOf(JobKind kind, const SettingMap& settings, const JobInputs& inputs, int64_t pairs);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_JOB_SHAPE_H_
