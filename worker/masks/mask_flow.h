#ifndef ALIGNFLOW_WORKER_MASKS_MASK_FLOW_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_FLOW_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "worker/models/velocity_model.h"

namespace alignflow {

// A flow from noise to masks: what the tasks know of a mask model. One that is read from a file
// only samples. Not thread-safe.
class MaskFlow : public VelocityModel {
 public:
  // {C,h,w} of a mask's latent, on which the flow runs.
  virtual std::vector<int64_t> latent_shape() const = 0;
  virtual at::Device device() const = 0;

  // Masks to latents: uint8 [B,S,S], of the classes that the model is for, to float [B,C,h,w] on
  // the model's device.
  virtual at::Tensor Encode(const at::Tensor& classes) const = 0;
  // Latents to masks: the legal class nearest to each pixel, uint8 [B,S,S] on the CPU.
  virtual at::Tensor Decode(const at::Tensor& latents) const = 0;

  // Whether the model starts from published weights. It is then trained as these were, with the
  // paper's times, plain loss and no running average.
  virtual bool pretrained() const = 0;
  // What the velocities of `count` masks depend on: nothing, or the prompt. For training the prompt
  // is left out with probability 1/2; models without one draw nothing.
  virtual Condition SamplingCondition(int64_t count) const = 0;
  virtual Condition TrainingCondition(int64_t count, at::Generator& random) const = 0;
  // From 0 to 1, for Euler's method.
  virtual std::vector<double> SamplingTimes() const = 0;

  // What trains.
  virtual std::vector<at::Tensor> parameters() = 0;
  // Safetensors; `metadata` is kept beside the weights. Throws std::runtime_error naming the file.
  virtual void Save(const std::filesystem::path& file,
                    const std::map<std::string, std::string>& metadata) = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_FLOW_H_
