#ifndef ALIGNFLOW_WORKER_MODELS_HF_FIELD_RULE_H_
#define ALIGNFLOW_WORKER_MODELS_HF_FIELD_RULE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace alignflow {

// The kinds of JSON files of a model folder, which releases of diffusers and transformers keep
// adding fields to.
enum class HfFile {
  kModel,           // config.json
  kScheduler,       // scheduler_config.json
  kPipeline,        // model_index.json
  kImageProcessor,  // preprocessor_config.json
  kTokenizer,       // tokenizer.json, which says how a text becomes ids
  kTokenizerNotes,  // tokenizer_config.json, special_tokens_map.json: the constructor's arguments
};

// The rule for a field that its reader did not ask for: whether it may be left aside. So
//  1. what a reader asks for is honoured, or refused with the value that would do;
//  2. names of the kind that cannot change what is computed are left aside whatever they hold:
//     what begins with '_', versions, floating types, names of classes and files, what happens in
//     training or in the generation of text alone (the lists are in field_rule.cc);
//  3. a field that nobody here knows is left aside where its value asks for nothing: null, false,
//     "", [], {} and [null, null];
//  4. and is refused otherwise, because it may change what is computed. Except in kTokenizerNotes:
//     their readers ask for every argument of which an effect on ids is known, and what else is in
//     them came along with whoever saved the folder.
bool MayLeaveAside(HfFile kind, const std::string& name, const nlohmann::json& value);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_HF_FIELD_RULE_H_
