#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_SEGMENTER_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_SEGMENTER_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace alignflow {

// A network that tells the class of every pixel. Its parameters and buffers are its whole state.
// Not thread-safe.
class Segmenter : public torch::nn::Module {
 public:
  // images: [B,3,S,S] RGB or, by segmenters of volumes, [B,1,S,S,S] in [-1,1] on the model's
  // device. Returns logits [B,K,S,S] or [B,K,S,S,S] float32 of classes 0 (background) to K - 1.
  // Differentiable.
  at::Tensor Logits(const at::Tensor& images);

  // Called once after training with a few batches of training images: takes the statistics that
  // evaluation needs and training does not keep. So the parameters alone are the state of a
  // training that is interrupted.
  virtual void Settle(const std::function<at::Tensor(int64_t batch)>& /*images*/,
                      int64_t /*batches*/) {}

  // What a training's learning rate is multiplied by for the parameter of that name: less than 1
  // where it begins with what was learned elsewhere.
  virtual double RateScale(const std::string& /*parameter*/) const { return 1; }

 protected:
  // Logits of any floating type. Convolutions and matrix products run in bfloat16 where the device
  // is faster in it.
  virtual at::Tensor Predict(const at::Tensor& images) = 0;
};

struct NewSegmenter {
  std::shared_ptr<Segmenter> model;
  bool pretrained = false;  // whether the encoder was read from `weights`
};

// name: "unet", "unet-lite0", "segformer-b0" to "segformer-b5" or "dpt", for images of size x size
// pixels and so many classes. Parameters are drawn from the seed; the encoder of all but the first
// is read from `weights`, if that is there: unet-lite0's from a safetensors file, the others' from
// a folder in transformers' format. Throws std::invalid_argument for another name or a size the
// network does not take, std::runtime_error naming file and tensor for weights that do not fit.
// dims: 2 for pictures, 3 for volumes, which "unet" alone takes.
NewSegmenter MakeSegmenter(const std::string& name, int64_t classes, int64_t size, uint64_t seed,
                           at::Device device, const std::filesystem::path& weights = {},
                           int64_t dims = 2);

// The mean of cross-entropy and of soft Dice loss (1 - Dice of the probabilities over the whole
// batch, averaged over the classes but the background). logits: [B,K,...]; classes: uint8 [B,...]
// on the same device. Returns a scalar.
at::Tensor SegmentationLoss(const at::Tensor& logits, const at::Tensor& classes);

// The most likely classes: uint8 [B,S,S] or [B,S,S,S] on the CPU, without gradients, in evaluation,
// in small batches. images: uint8 [B,3,S,S] RGB or [B,1,S,S,S].
at::Tensor Segment(Segmenter& model, const at::Tensor& images, at::Device device);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_SEGMENTER_H_
