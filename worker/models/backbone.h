#ifndef ALIGNFLOW_WORKER_MODELS_BACKBONE_H_
#define ALIGNFLOW_WORKER_MODELS_BACKBONE_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "worker/flow/solver.h"
#include "worker/models/latent_codec.h"
#include "worker/models/velocity_model.h"

namespace alignflow {

// A generative model that can be fitted and aligned: codec, base net and control branch as one. The
// tasks and the training loop know models only through this interface. Not thread-safe.
class Backbone : public VelocityModel {
 public:
  virtual LatentCodec& codec() = 0;

  // Shape of one latent without the batch dimension, for drawing noise: {C,h,w}.
  virtual std::vector<int64_t> latent_shape() const = 0;
  virtual at::Device device() const = 0;

  // Whether codec and base come trained from a model folder. Training then takes the paper's times
  // and plain loss, and what the codec makes of images and masks, which is costly, is made once.
  virtual bool pretrained() const { return false; }

  // Masks as the control branch takes them. classes: uint8 [B,S,S], numbers of the classes that the
  // model was made for; on any device. Returns [B,...] float32 on the model's device.
  virtual at::Tensor EncodeMasks(const at::Tensor& classes) const = 0;
  // The condition on encoded masks, on the model's device; with the prompt in models that take one.
  // image_classes: int64 [B], numbers of image_classes(); undefined: nothing is said of any.
  virtual Condition ConditionOn(const at::Tensor& encoded_masks,
                                const at::Tensor& image_classes = {}) const = 0;
  // What images as a whole may show that the model was made for: a name for each number, of which
  // one more stands for images of which nothing is said. Empty in models that know none.
  virtual std::vector<std::string> image_classes() const { return {}; }
  // Of a condition for training: replaces the prompt of each sample by the empty one with
  // probability 1/2. Models without a prompt draw nothing.
  virtual void DropPrompts(Condition& /*condition*/, at::Generator& /*random*/) const {}

  // This model with guidance of a scale as it samples; 1 is the model itself. Must not outlive it.
  virtual std::unique_ptr<VelocityModel> Guided(double scale) = 0;
  // The times of sampling in `steps` steps, of which those before `start` are left out; see
  // UniformTimes.
  virtual std::vector<double> SamplingTimes(int64_t steps, double start) const {
    return UniformTimes(steps, start);
  }

  // For a model that only samples from now on: no gradients, and what follows from the weights
  // alone may be computed once. Its tensors must not be written to afterwards. Clone returns a
  // frozen model.
  virtual void Freeze() = 0;

  // Parameters by name ("unet.*", "controlnet.*", "codec.*" are the U-Net presets' prefixes). fit
  // trains fit_parameters(), align trains align_parameters() (the control branch alone; the base is
  // frozen then).
  virtual std::vector<at::Tensor> fit_parameters() = 0;
  virtual std::vector<at::Tensor> align_parameters() = 0;
  // All tensors that Load restores, in a fixed order, sharing memory with the model.
  virtual std::map<std::string, at::Tensor> state() = 0;

  // A deep copy on the same device, in inference form (no gradients): the frozen stage-1 copy v*.
  virtual std::unique_ptr<Backbone> Clone() = 0;

  // Safetensors with a JSON header. `metadata` is kept beside the weights (label table, digests;
  // all strings). Throws std::runtime_error naming the file.
  virtual void Save(const std::filesystem::path& file,
                    const std::map<std::string, std::string>& metadata) = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_BACKBONE_H_
