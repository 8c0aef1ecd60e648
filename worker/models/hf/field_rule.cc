#include "worker/models/hf/field_rule.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace alignflow {
namespace {

using Names = std::set<std::string>;

// Of every kind: who made the file, with which release, in which floating type it was saved.
const Names& Anywhere() {
  static const Names names = {"architectures", "dtype", "name_or_path", "torch_dtype",
                              "transformers_version"};
  return names;
}

// Of configs, what transformers' base class and diffusers' training loops write into them.
const Names& Models() {
  static const Names names = {
      // Names of classes.
      "finetuning_task", "id2label", "label2id", "num_labels", "problem_type",
      // What is handed out, and how memory is used.
      "attn_implementation", "chunk_size_feed_forward", "gradient_checkpointing",
      "output_attentions", "output_hidden_states", "output_scores", "return_dict",
      "return_dict_in_generate", "torchscript", "use_cache", "use_return_dict",
      // Generation of text.
      "bad_words_ids", "begin_suppress_tokens", "decoder_start_token_id", "diversity_penalty",
      "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
      "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
      "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups",
      "num_beams", "num_return_sequences", "prefix", "remove_invalid_values", "repetition_penalty",
      "suppress_tokens", "task_specific_params", "temperature", "top_k", "top_p", "typical_p",
      // The head of a language model, of which there is none here.
      "tie_encoder_decoder", "tie_word_embeddings",
      // Token ids that the tokenizer's own files say, and its class.
      "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "tokenizer_class",
      // Training; the last ones are of diffusers' moving average.
      "initializer_factor", "initializer_range", "tf_legacy_loss", "use_bfloat16", "decay",
      "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step",
      "use_ema_warmup"};
  return names;
}

// Of scheduler configs, what another scheduler's config left there (from_config keeps it): the
// reference does not read it either.
const Names& Schedulers() {
  static const Names names = {"algorithm_type",
                              "beta_end",
                              "beta_schedule",
                              "beta_start",
                              "clip_sample",
                              "clip_sample_range",
                              "dynamic_thresholding_ratio",
                              "euler_at_final",
                              "final_sigmas_type",
                              "flow_shift",
                              "interpolation_type",
                              "lambda_min_clipped",
                              "lower_order_final",
                              "prediction_type",
                              "rescale_betas_zero_snr",
                              "sample_max_value",
                              "sigma_max",
                              "sigma_min",
                              "skip_prk_steps",
                              "solver_order",
                              "solver_type",
                              "steps_offset",
                              "timestep_spacing",
                              "timestep_type",
                              "trained_betas",
                              "use_flow_sigmas",
                              "use_lu_lambdas",
                              "variance_type"};
  return names;
}

// Of image processors: forms of input and output.
const Names& ImageProcessors() {
  static const Names names = {"data_format",      "default_to_square", "device",
                              "disable_grouping", "do_convert_rgb",    "feature_extractor_type",
                              "image_seq_length", "input_data_format", "processor_class",
                              "return_tensors"};
  return names;
}

bool Contains(HfFile kind, const std::string& name) {
  switch (kind) {
    case HfFile::kModel:
      // dropout, attention_dropout, hidden_dropout_prob, dropout_rate, drop_path_rate
      return Models().contains(name) || name.find("dropout") != name.npos ||
             name.starts_with("drop_path");
    case HfFile::kScheduler:
      return Schedulers().contains(name);
    case HfFile::kImageProcessor:
      return ImageProcessors().contains(name);
    case HfFile::kPipeline:
    case HfFile::kTokenizer:
      return false;
    case HfFile::kTokenizerNotes:
      return true;
  }
  return false;
}

bool AsksForNothing(const nlohmann::json& value) {
  if (value.is_array()) {  // [null, null] is a pipeline's component that was left out
    return std::ranges::all_of(value, [](const auto& item) { return item.is_null(); });
  }
  return value.is_null() || value == false || value == "" || (value.is_object() && value.empty());
}

}  // namespace

bool MayLeaveAside(HfFile kind, const std::string& name, const nlohmann::json& value) {
  return name.starts_with('_') || Anywhere().contains(name) || Contains(kind, name) ||
         AsksForNothing(value);
}

}  // namespace alignflow
