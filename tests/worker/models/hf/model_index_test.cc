#include "worker/models/hf/model_index.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/tiny_sd35.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ModelIndexTest : public testing::Test {
 protected:
  ModelIndexTest() { PutTinySd35(folder()); }

  std::filesystem::path folder() const { return temp_.path() / "tiny"; }

  // What reading the index says once `from` in it is `to`.
  std::string Spoil(const std::string& from, const std::string& to) {
    std::string text = ReadFile(folder() / "model_index.json");
    const size_t place = text.find(from);
    EXPECT_NE(place, text.npos) << from;
    WriteFile(folder() / "model_index.json", text.replace(place, from.size(), to));
    try {
      const Sd35ModelIndex index(folder());
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

 private:
  TempFolder temp_;
};

TEST_F(ModelIndexTest, ComponentsThatNothingIsComputedWithAreLeftAside) {
  EXPECT_EQ(Spoil("{", R"({"_name_or_path": "x", "guardian_of_tomorrow": [null, null],)"), "");
  EXPECT_EQ(Spoil("\"CLIPTokenizer\"", "\"PreTrainedTokenizerFast\""), "");
  EXPECT_EQ(Spoil("\"T5Tokenizer\"", "\"T5TokenizerFast\""), "");
}

// Alone it is not used, with an image encoder it serves IP adapters.
TEST_F(ModelIndexTest, AFeatureExtractorAloneIsLeftAsideAndAnImageEncoderIsRefused) {
  const std::string nothing = "\"feature_extractor\": [\n    null,\n    null\n  ]";
  EXPECT_EQ(Spoil(nothing, R"("feature_extractor": ["transformers", "CLIPImageProcessor"])"), "");
  EXPECT_THAT(Spoil("\"image_encoder\": [\n    null,\n    null\n  ]",
                    R"("image_encoder": ["transformers", "SiglipVisionModel"])"),
              AllOf(HasSubstr("model_index.json"), HasSubstr("'image_encoder' is"),
                    HasSubstr("write [null, null]")));
}

TEST_F(ModelIndexTest, UnknownComponentsAreRefusedByName) {
  EXPECT_THAT(Spoil("{", R"({"refiner": ["diffusers", "SomeModel"],)"),
              AllOf(HasSubstr("model_index.json"), HasSubstr("'refiner' is")));
}

TEST_F(ModelIndexTest, ComponentsOfAnotherClassAreRefused) {
  EXPECT_THAT(Spoil("\"AutoencoderKL\"", "\"AutoencoderTiny\""),
              AllOf(HasSubstr("'vae' is"), HasSubstr("only AutoencoderKL is supported")));
}

}  // namespace
}  // namespace alignflow
