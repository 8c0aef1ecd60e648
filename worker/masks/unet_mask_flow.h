#ifndef ALIGNFLOW_WORKER_MASKS_UNET_MASK_FLOW_H_
#define ALIGNFLOW_WORKER_MASKS_UNET_MASK_FLOW_H_

#include <cstdint>
#include <memory>

#include "worker/masks/mask_flow.h"
#include "worker/models/unet/backbone.h"

namespace alignflow {

// Classes uint8 [B,S,S] to planes float [B,K,S,S]: 1 where a pixel is of the class, -1 elsewhere.
at::Tensor PlanesOfClasses(const at::Tensor& classes, int64_t count);

// The nearest legal class of every pixel: uint8 [B,S,S] on the CPU. Of all corners of the planes'
// cube that are a class, that of the greatest plane is the nearest.
at::Tensor ClassesOfPlanes(const at::Tensor& planes);

// The mask model of the U-Net presets: MOTFM's U-Net without a ControlNet, an unconditional flow on
// masks as one plane per class in [-1,1], which its SpaceToDepth codec brings to a latent of 16 x
// 16 whatever the mask's size.
class UNetMaskFlow : public MaskFlow {
 public:
  // Weights drawn from the seed, statistics of the codec from the rows `sample` (int64) of `masks`,
  // uint8 [N,S,S] of so many classes. Throws std::invalid_argument unless S is a multiple of 64.
  UNetMaskFlow(const at::Tensor& masks, const at::Tensor& sample, int64_t classes, uint64_t seed,
               at::Device device);

  // Reads what Save wrote; `metadata` receives the passthrough strings. Throws std::runtime_error
  // naming the file, std::invalid_argument for a model of images.
  static std::unique_ptr<UNetMaskFlow> Load(const std::filesystem::path& file, at::Device device,
                                            std::map<std::string, std::string>* metadata);

  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override {
    return model_->Velocity(x, t, condition);
  }
  std::vector<int64_t> latent_shape() const override { return model_->latent_shape(); }
  at::Device device() const override { return model_->device(); }
  at::Tensor Encode(const at::Tensor& classes) const override;
  at::Tensor Decode(const at::Tensor& latents) const override;
  bool pretrained() const override { return false; }
  Condition SamplingCondition(int64_t /*count*/) const override { return {}; }
  Condition TrainingCondition(int64_t /*count*/, at::Generator& /*random*/) const override {
    return {};
  }
  std::vector<double> SamplingTimes() const override;
  std::vector<at::Tensor> parameters() override { return model_->fit_parameters(); }
  void Save(const std::filesystem::path& file,
            const std::map<std::string, std::string>& metadata) override {
    model_->Save(file, metadata);
  }

 private:
  explicit UNetMaskFlow(std::unique_ptr<UNetBackbone> model);

  std::unique_ptr<UNetBackbone> model_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_UNET_MASK_FLOW_H_
