#include "worker/models/hf/model_index.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "worker/models/hf/config.h"

namespace alignflow {
namespace {

struct Component {
  const char* name;
  std::vector<std::string> classes;
  bool optional;
};

const std::vector<Component>& Components() {
  static const std::vector<Component> components = {
      {"controlnet", {"SD3ControlNetModel"}, true},
      {"scheduler", {"FlowMatchEulerDiscreteScheduler"}, false},
      {"text_encoder", {"CLIPTextModelWithProjection"}, false},
      {"text_encoder_2", {"CLIPTextModelWithProjection"}, false},
      {"text_encoder_3", {"T5EncoderModel"}, true},
      {"tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"}, false},
      {"tokenizer_2", {"CLIPTokenizer", "CLIPTokenizerFast"}, false},
      {"tokenizer_3", {"T5Tokenizer", "T5TokenizerFast"}, true},
      {"transformer", {"SD3Transformer2DModel"}, false},
      {"vae", {"AutoencoderKL"}, false}};
  return components;
}

}  // namespace

Sd35ModelIndex::Sd35ModelIndex(const std::filesystem::path& folder) : folder_(folder) {
  HfConfig index(folder / "model_index.json");
  for (const Component& component : Components()) {
    // [library, class], or [null, null] for a component left out.
    const std::vector<std::string> entry = index.NullableStringList(component.name);
    if (entry.empty()) {
      if (!component.optional) index.Refuse(component.name, "this component is needed");
      continue;
    }
    if (entry.size() != 2 || std::find(component.classes.begin(), component.classes.end(),
                                       entry[1]) == component.classes.end()) {
      index.Refuse(component.name, "only " + component.classes.front() + " is supported");
    }
    if (!std::filesystem::is_directory(Folder(component.name))) {
      throw std::runtime_error(Folder(component.name).string() +
                               ": missing, though model_index.json names it");
    }
    components_.insert(component.name);
  }
  if (Has("text_encoder_3") != Has("tokenizer_3")) {
    index.Refuse("tokenizer_3", "must be there exactly if text_encoder_3 is");
  }
  for (const char* name : {"feature_extractor", "image_encoder"}) {  // of the IP adapter
    if (!index.NullableStringList(name).empty()) index.Refuse(name, "is not supported");
  }
  index.Finish();
}

}  // namespace alignflow
