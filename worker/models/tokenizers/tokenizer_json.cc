#include "worker/models/tokenizers/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "worker/models/tokenizers/tokenizer_config.h"

namespace alignflow {
namespace {

using IdOfToken = std::function<int64_t(const std::string&)>;

void Check(HfConfig& step, const std::string& field, const std::string& token, int64_t id,
           const IdOfToken& id_of) {
  const int64_t known = id_of(token);
  if (known == id) return;
  step.Refuse(field, "token '" + token + "' " +
                         (known < 0 ? "is not in the vocabulary"
                                    : "has the id " + std::to_string(known) + " in it"));
}

// ["</s>", 1].
int64_t ReadPair(HfConfig& step, const std::string& field, const IdOfToken& id_of) {
  const nlohmann::json& pair = step.Value(field);
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() ||
      !pair[1].is_number_unsigned()) {
    step.Refuse(field, "a token and its id are expected");
  }
  const auto id = static_cast<int64_t>(pair[1].get<uint64_t>());
  Check(step, field, pair[0].get<std::string>(), id, id_of);
  return id;
}

// RobertaProcessing and BertProcessing.
TokenizerJson::Frame ReadEnds(HfConfig& step, const IdOfToken& id_of) {
  step.WithoutEffect({"trim_offsets", "add_prefix_space"});  // places in the text alone
  return {{ReadPair(step, "cls", id_of)}, {ReadPair(step, "sep", id_of)}};
}

TokenizerJson::Frame ReadTemplate(HfConfig& step, const IdOfToken& id_of) {
  TokenizerJson::Frame frame;
  bool is_after = false;
  for (HfConfig* part : step.Objects("single")) {
    if (part->Has("Sequence")) {
      part->Object("Sequence").Require("id", "A");
      part->Object("Sequence").WithoutEffect({"type_id"});
      if (is_after) step.Refuse("single", "only one sequence is supported");
      is_after = true;
      continue;
    }
    HfConfig& special = part->Object("SpecialToken");
    special.WithoutEffect({"type_id"});
    HfConfig& token = step.Object("special_tokens").Object(special.String("id"));
    token.WithoutEffect({"id"});  // its own name
    const std::vector<int64_t> ids = token.IntList("ids");
    const std::vector<std::string> names = token.StringList("tokens");
    if (ids.size() != names.size()) token.Refuse("ids", "as many as tokens are expected");
    for (size_t i = 0; i < ids.size(); ++i) {
      Check(token, "ids", names[i], ids[i], id_of);
      (is_after ? frame.end : frame.begin).push_back(ids[i]);
    }
  }
  if (!is_after) step.Refuse("single", "the sequence A is expected");
  step.WithoutEffect({"pair", "special_tokens"});
  return frame;
}

}  // namespace

TokenizerJson::TokenizerJson(const std::filesystem::path& file) : fields_(file) {
  fields_.Require("version", "1.0");
  // Prompts are cut and filled up at their right ends, as the reference's pipeline asks for with
  // each call; what was set when the file was saved counts for nothing but the side.
  for (const char* name : {"truncation", "padding"}) {
    if (!fields_.Has(name)) continue;
    HfConfig& settings = fields_.Object(name);
    settings.Require("direction", "Right");
    for (const std::string& field : settings.Names()) settings.WithoutEffect({field.c_str()});
  }
  fields_.WithoutEffect({"decoder"});
}

std::vector<HfConfig*> TokenizerJson::Steps(HfConfig& fields, const std::string& name,
                                            const std::string& list) {
  std::vector<HfConfig*> steps;
  if (!fields.Has(name)) return steps;
  std::vector<HfConfig*> rest = {&fields.Object(name)};
  while (!rest.empty()) {
    HfConfig* step = rest.back();
    rest.pop_back();
    if (step->String("type") != "Sequence") {
      steps.push_back(step);
      continue;
    }
    const std::vector<HfConfig*> inner = step->Objects(list);
    rest.insert(rest.end(), inner.rbegin(), inner.rend());
  }
  return steps;
}

std::vector<AddedToken> TokenizerJson::AddedTokens() {
  std::vector<AddedToken> tokens;
  if (!fields_.Has("added_tokens")) return tokens;
  for (HfConfig* token : fields_.Objects("added_tokens")) {
    tokens.push_back(ReadAddedToken(*token));
    if (tokens.back().id < 0) token->Refuse("id", "an id of at least 0 is expected");
  }
  return tokens;
}

TokenizerJson::Frame TokenizerJson::ReadFrame(const IdOfToken& id_of) {
  Frame frame;
  bool is_read = false;
  for (HfConfig* step : Steps(fields_, "post_processor", "processors")) {
    const std::string type = step->OneOf(
        "type", {"TemplateProcessing", "RobertaProcessing", "BertProcessing", "ByteLevel"});
    if (type == "ByteLevel") {  // places in the text alone
      step->WithoutEffect({"add_prefix_space", "trim_offsets", "use_regex"});
      continue;
    }
    if (is_read) Refuse("post_processor", "only one frame is supported");
    is_read = true;
    frame = type == "TemplateProcessing" ? ReadTemplate(*step, id_of) : ReadEnds(*step, id_of);
  }
  if (!is_read) Refuse("post_processor", "the tokens that end a text are expected");
  return frame;
}

std::vector<int64_t> Framed(const TokenizerJson::Frame& frame, const std::vector<int64_t>& text,
                            int64_t pad, int64_t length) {
  const auto room = length - static_cast<int64_t>(frame.begin.size() + frame.end.size());
  if (room < 0) throw std::invalid_argument("a text needs room for its begin and its end");
  std::vector<int64_t> ids = frame.begin;
  const auto kept = std::min(static_cast<int64_t>(text.size()), room);
  ids.insert(ids.end(), text.begin(), text.begin() + kept);
  ids.insert(ids.end(), frame.end.begin(), frame.end.end());
  ids.resize(static_cast<size_t>(length), pad);
  return ids;
}

void RequireRegex(HfConfig& step, const std::vector<std::string>& supported) {
  const std::string regex = step.Object("pattern").String("Regex");
  if (std::ranges::find(supported, regex) == supported.end()) {
    step.Object("pattern").Refuse("Regex",
                                  "only " + nlohmann::json(supported).dump() + " is supported");
  }
}

}  // namespace alignflow
