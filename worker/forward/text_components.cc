#include "worker/forward/component.h"
#include "worker/models/sd35/clip_text.h"
#include "worker/models/sd35/t5_encoder.h"
#include "worker/models/tokenizers/clip_tokenizer.h"
#include "worker/models/tokenizers/prompt_tokenizer.h"
#include "worker/models/tokenizers/t5_tokenizer.h"

namespace alignflow {
namespace {

TensorMap RunClip(const char* name, const ForwardRequest& request, ForwardInputs& inputs) {
  const at::Tensor ids = inputs.Take("input_ids");
  inputs.Finish();
  const auto out = ClipTextModel::Load(request.Folder(name), request.options)->Forward(ids);
  return {{"penultimate_hidden_state", out.penultimate_hidden_state},
          {"text_embeds", out.text_embeds}};
}

TensorMap RunT5(const ForwardRequest& request, ForwardInputs& inputs) {
  const at::Tensor ids = inputs.Take("input_ids");
  inputs.Finish();
  const auto encoder = T5Encoder::Load(request.Folder("text_encoder_3"), request.options);
  return {{"last_hidden_state", encoder->Forward(ids)}};
}

TensorMap Ids(const std::vector<int64_t>& ids) {
  return {{"input_ids", at::tensor(ids, at::kLong).unsqueeze(0)}};
}

// Both CLIPs' ids are as long as the first tokenizer's limit, as in the pipeline.
TensorMap RunClipTokenizer(const char* name, const ForwardRequest& request, ForwardInputs& inputs) {
  inputs.Finish();
  const std::string& text = request.Text();
  const ClipTokenizer first(request.model / "tokenizer");
  const ClipTokenizer tokenizer(request.model / name);
  return Ids(tokenizer.Encode(text, first.model_max_length()));
}

TensorMap RunT5Tokenizer(const ForwardRequest& request, ForwardInputs& inputs) {
  inputs.Finish();
  const std::string& text = request.Text();
  const T5Tokenizer tokenizer(request.model / "tokenizer_3");
  return Ids(tokenizer.Encode(text, kT5Tokens));
}

Component Bind(TensorMap (*run)(const char*, const ForwardRequest&, ForwardInputs&),
               const char* name) {
  return [run, name](const ForwardRequest& request, ForwardInputs& inputs) {
    return run(name, request, inputs);
  };
}

}  // namespace

std::map<std::string, Component> TextComponents() {
  return {{"text_encoder", Bind(RunClip, "text_encoder")},
          {"text_encoder_2", Bind(RunClip, "text_encoder_2")},
          {"text_encoder_3", RunT5},
          {"tokenizer", Bind(RunClipTokenizer, "tokenizer")},
          {"tokenizer_2", Bind(RunClipTokenizer, "tokenizer_2")},
          {"tokenizer_3", RunT5Tokenizer}};
}

}  // namespace alignflow
