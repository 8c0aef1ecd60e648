#include <filesystem>
#include <memory>
#include <stdexcept>

#include "worker/forward/component.h"
#include "worker/forward/motfm_config.h"
#include "worker/models/hf/load_model.h"
#include "worker/models/hf/model_index.h"
#include "worker/models/sd35/autoencoder.h"
#include "worker/models/sd35/controlnet.h"
#include "worker/models/sd35/pipeline.h"
#include "worker/models/sd35/text_embedding.h"
#include "worker/models/sd35/transformer.h"
#include "worker/models/tokenizers/prompt_tokenizer.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

SD3Inputs TakeSD3Inputs(ForwardInputs& inputs) {
  return {.latent = inputs.Take("hidden_states"),
          .timestep = inputs.Take("timestep"),
          .context = inputs.Take("encoder_hidden_states"),
          .pooled = inputs.Take("pooled_projections")};
}

TensorMap RunTransformer(const ForwardRequest& request, ForwardInputs& inputs) {
  const SD3Inputs taken = TakeSD3Inputs(inputs);
  const std::vector<at::Tensor> control = inputs.TakeNumbered("block_controlnet_hidden_states");
  inputs.Finish();
  const auto model = LoadModel<SD3Transformer>(request.Folder("transformer"), ParseSD3Transformer,
                                               request.options);
  return {{"sample", model->Forward(taken, control)}};
}

TensorMap RunControlNet(const ForwardRequest& request, ForwardInputs& inputs) {
  const SD3Inputs taken = TakeSD3Inputs(inputs);
  const at::Tensor control = inputs.Take("controlnet_cond");
  inputs.Finish();
  const auto model =
      LoadModel<SD3ControlNet>(request.Folder("controlnet"), ParseSD3ControlNet, request.options);
  const std::vector<at::Tensor> samples = model->Forward(taken, control);
  TensorMap out;
  for (size_t i = 0; i < samples.size(); ++i) {
    out.emplace("block_samples." + std::to_string(i), samples[i]);
  }
  return out;
}

// MOTFM's velocity, with its argument names.
TensorMap RunUNet(const ForwardRequest& request, ForwardInputs& inputs) {
  if (request.options.dtype() != at::kFloat) {
    throw std::runtime_error("the unet computes in float32 only: leave --dtype out");
  }
  const at::Tensor x = inputs.Take("x"), t = inputs.Take("t");
  Condition condition;
  condition.mask = inputs.TakeOptional("masks");
  condition.context = inputs.TakeOptional("cond");
  inputs.Finish();
  MergedModel model(ReadMotfmConfig(request.model / "config.yaml"));
  model.eval();
  LoadWeights(WeightFolder(request.model), model);
  model.to(request.options.device());
  return {{"velocity", model.Velocity(x, t, condition)}};
}

// The control image as the pipeline hands it to the ControlNet. Ones that see no pooled text were
// trained on latents without the codec's shift.
at::Tensor EncodeControl(const ForwardRequest& request, const SD3ControlNet& controlnet,
                         const at::Tensor& image) {
  const auto vae = AutoencoderKL::Load(request.model / "vae", request.options);
  const at::Tensor mean = vae->Encode(image).mean;
  const double shift =
      controlnet.config().force_zeros_for_pooled_projection ? 0.0 : vae->config().shift_factor;
  return (mean - shift) * vae->config().scaling_factor;
}

TensorMap RunPipeline(const ForwardRequest& request, ForwardInputs& inputs) {
  const Sd35ModelIndex index(request.model);
  const at::Tensor latents = inputs.Take("latents");
  std::shared_ptr<SD3ControlNet> controlnet;
  at::Tensor control;
  if (index.Has("controlnet")) {
    const at::Tensor image = inputs.Take("control_image");
    controlnet =
        LoadModel<SD3ControlNet>(index.Folder("controlnet"), ParseSD3ControlNet, request.options);
    control = EncodeControl(request, *controlnet, image);
  }
  inputs.Finish();
  const auto transformer =
      LoadModel<SD3Transformer>(index.Folder("transformer"), ParseSD3Transformer, request.options);
  const PromptTokenizer tokenizer(request.model, index.Has("text_encoder_3"));
  const TextEmbedding text =
      EmbedPrompts(request.model, tokenizer.Encode({request.Text(), ""}),
                   transformer->config().joint_attention_dim, request.options);
  const auto prompt = [&text](int64_t i) {
    return Sd35Text{text.context.narrow(0, i, 1), text.pooled.narrow(0, i, 1)};
  };
  HfConfig scheduler(index.Folder("scheduler") / "scheduler_config.json");
  const Sd35Sampling sampling = {.schedule = ParseFlowMatchSchedule(scheduler),
                                 .steps = request.steps,
                                 .guidance = request.guidance};
  return {{"latents", SampleLatents(*transformer, controlnet.get(), sampling, latents, prompt(0),
                                    prompt(1), control)}};
}

}  // namespace

std::map<std::string, Component> FlowComponents() {
  return {{"transformer", RunTransformer},
          {"controlnet", RunControlNet},
          {"unet", RunUNet},
          {"pipeline", RunPipeline}};
}

}  // namespace alignflow
