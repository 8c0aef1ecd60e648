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
      // Their own files say which tokenizers they are; classes without a name of their own read
      // tokenizer.json.
      {"tokenizer",
       {"CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"},
       false},
      {"tokenizer_2",
       {"CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"},
       false},
      {"tokenizer_3",
       {"T5Tokenizer", "T5TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"},
       true},
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
  if (!index.NullableStringList("image_encoder").empty()) {
    index.Refuse("image_encoder", "IP adapters are not supported; write [null, null] there");
  }
  index.NullableStringList("feature_extractor");  // the image encoder's
  index.Finish(HfFile::kPipeline);
}

}  // namespace alignflow
