#include "worker/forward/component.h"
#include "worker/models/dinov3/dinov3_config.h"
#include "worker/models/dinov3/dinov3_vit.h"
#include "worker/models/hf/load_model.h"
#include "worker/models/sd35/autoencoder.h"

namespace alignflow {
namespace {

TensorMap RunVaeEncode(const ForwardRequest& request, ForwardInputs& inputs) {
  const at::Tensor image = inputs.Take("image");
  inputs.Finish();
  const auto vae = AutoencoderKL::Load(request.Folder("vae"), request.options);
  const AutoencoderKL::Moments moments = vae->Encode(image);
  return {{"latent_mean", moments.mean}, {"latent_logvar", moments.logvar}};
}

TensorMap RunVaeDecode(const ForwardRequest& request, ForwardInputs& inputs) {
  const at::Tensor latent = inputs.Take("latent");
  inputs.Finish();
  const auto vae = AutoencoderKL::Load(request.Folder("vae"), request.options);
  return {{"image", vae->Decode(latent)}};
}

TensorMap RunDinoV3(const ForwardRequest& request, ForwardInputs& inputs) {
  const at::Tensor pixels = inputs.Take("pixel_values");
  inputs.Finish();
  const auto model = LoadModel<DinoV3ViT>(request.Folder("dinov3"), ParseDinoV3, request.options);
  const DinoV3ViT::Output out = model->Forward(pixels);
  return {{"last_hidden_state", out.last_hidden_state}, {"pooler_output", out.pooler_output}};
}

}  // namespace

std::map<std::string, Component> ImageComponents() {
  return {{"vae_encode", RunVaeEncode}, {"vae_decode", RunVaeDecode}, {"dinov3", RunDinoV3}};
}

}  // namespace alignflow
