#ifndef ALIGNFLOW_WORKER_STORES_MODEL_FILE_H_
#define ALIGNFLOW_WORKER_STORES_MODEL_FILE_H_

#include <map>
#include <memory>
#include <string>

#include "common/data/label_table.h"
#include "worker/models/backbone.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// The device named by a context.
at::Device DeviceOf(const TaskContext& context);

// The side in pixels of the images that a task works on.
int64_t ImageSize(const TaskSpec& spec);

// The model that stage 1 starts from: drawn from the seed, or pretrained.
std::unique_ptr<Backbone> NewModel(TaskContext& context, const TaskSpec& spec,
                                   const ImageSet& source);

// Reads the model of a blob. Throws TaskError with InvalidArgument if it was fitted to masks of
// other classes than the source's.
std::unique_ptr<Backbone> LoadModel(TaskContext& context, const TaskSpec& spec,
                                    const std::string& digest, const ImageSet& source);

// Stores a model as a blob, its classes beside the weights; `stage` is 1 or 2. Returns the digest.
std::string StoreModel(TaskContext& context, Backbone& model, const LabelTable& labels, int stage);

// The strings beside a model's weights; `stage` is 0 for models of masks.
std::map<std::string, std::string> ModelStrings(const LabelTable& labels, int stage);
// Throws TaskError with InvalidArgument if these are of a model of other classes.
void RequireLabels(const std::map<std::string, std::string>& strings, const LabelTable& labels);

// Noise for latents of the model's shape, drawn from one generator: [count,C,h,w] on the device.
template <typename Model>
at::Tensor DrawNoise(const Model& model, int64_t count, at::Generator generator,
                     at::Device device) {
  std::vector<int64_t> shape = model.latent_shape();
  shape.insert(shape.begin(), count);
  return at::randn(shape, generator).to(device);
}

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_STORES_MODEL_FILE_H_
