#include "worker/models/safetensors.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace alignflow {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A folder of its own for every test.
class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "safetensors.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ / "model.safetensors";
  }
  ~SafetensorsTest() override { std::filesystem::remove_all(folder_); }

  void WriteBytes(const std::string& bytes) { std::ofstream(file_, std::ios::binary) << bytes; }

  // A file of this header and `data_bytes` zero bytes behind it.
  void WriteFile(const std::string& header, size_t data_bytes) {
    std::string size(8, '\0');
    for (int i = 0; i < 8; ++i) size[i] = static_cast<char>(uint64_t{header.size()} >> (8 * i));
    WriteBytes(size + header + std::string(data_bytes, '\0'));
  }

  std::string Error() {
    try {
      const SafetensorsFile file(file_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
  std::filesystem::path file_;
};

TEST_F(SafetensorsTest, RoundTripKeepsTypesShapesBytesAndMetadata) {
  at::manual_seed(1);
  std::map<std::string, at::Tensor> tensors = {
      {"a.f32", at::randn({2, 3})},
      {"b.f16", at::randn({5}).to(at::kHalf)},
      {"c.bf16", at::randn({3, 1, 2}).to(at::kBFloat16)},
      {"d.i64", at::tensor({INT64_MIN, INT64_MAX})},
      {"e.i32", at::tensor({-7, 8}, at::kInt)},
      {"f.u8", at::tensor({0, 255, 3}, at::kByte)},
      {"g.scalar", at::tensor(2.5f)},
      {"h.empty", at::empty({0, 4})},
      {"i.strided", at::randn({1, 4, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast)}};
  WriteSafetensors(file_, tensors, {{"note", "\"quoted\" \xc3\xa9"}});
  const SafetensorsFile file(file_);
  EXPECT_EQ(file.Names().size(), tensors.size());
  EXPECT_EQ(file.metadata().at("note"), "\"quoted\" \xc3\xa9");
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(file.Get(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(file.Get(name), tensor)) << name;
  }
}

TEST_F(SafetensorsTest, SameContentGivesTheSameBytesInFileAndString) {
  const std::map<std::string, at::Tensor> tensors = {{"x", at::ones({3})},
                                                     {"y", at::ones({1}, at::kByte)}};
  const std::string bytes = SerializeSafetensors(tensors, {{"k", "v"}});
  WriteSafetensors(file_, tensors, {{"k", "v"}});
  std::ifstream stream(file_, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), bytes);
}

TEST_F(SafetensorsTest, TensorsOutliveTheFileObjectAndWritingToThemLeavesTheFileAlone) {
  WriteSafetensors(file_, {{"x", at::ones({4})}}, {});
  at::Tensor x;
  {
    const SafetensorsFile file(file_);
    x = file.Get("x");
  }
  x.fill_(5);
  EXPECT_TRUE(at::equal(SafetensorsFile(file_).Get("x"), at::ones({4})));
}

TEST_F(SafetensorsTest, UnalignedTensorsAreReadable) {
  WriteFile(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
            R"("x":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})",
            9);
  EXPECT_TRUE(at::equal(SafetensorsFile(file_).Get("x"), at::zeros({2})));
}

TEST_F(SafetensorsTest, ReplacingKeepsTheOldFileWholeWhenWritingFails) {
  WriteSafetensors(file_, {{"x", at::ones({1})}}, {});
  EXPECT_THROW(WriteSafetensors(file_, {{"x", at::ones({1}, at::kDouble)}}, {}),
               std::invalid_argument);
  EXPECT_TRUE(at::equal(SafetensorsFile(file_).Get("x"), at::ones({1})));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "litter";
  EXPECT_THROW(WriteSafetensors(folder_ / "none" / "x", {}, {}), std::runtime_error);
}

TEST_F(SafetensorsTest, MissingFileAndMissingTensorAreNamed) {
  EXPECT_THAT(Error(), HasSubstr(file_.string()));
  WriteSafetensors(file_, {}, {});
  try {
    SafetensorsFile(file_).Get("absent");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("absent"), HasSubstr(file_.string())));
  }
}

TEST_F(SafetensorsTest, RefusesFilesThatAreCutOrNoSafetensorsAtAll) {
  for (const std::string bytes : {"", "short", "\xff\xff\xff\xff\xff\xff\xff\xff{}"}) {
    WriteBytes(bytes);
    EXPECT_THAT(Error(), HasSubstr(file_.string()));
  }
  const std::string whole = SerializeSafetensors({{"x", at::ones({8})}}, {});
  for (size_t size = 0; size < whole.size(); ++size) {
    WriteBytes(whole.substr(0, size));
    EXPECT_NE(Error(), "") << "cut to " << size;
  }
  WriteBytes(whole);
  EXPECT_EQ(Error(), "");
}

TEST_F(SafetensorsTest, RefusesHeadersThatAreNotTheFormats) {
  for (const char* header :
       {"", "{", "[]", "null", "{} x", "{\"x\":1}", "{\"x\":{}}", "{\"\xff\":{}}",
        R"({"__metadata__":{"k":1}})", R"({"__metadata__":"k"})"}) {
    WriteFile(header, 0);
    EXPECT_THAT(Error(), HasSubstr(file_.string())) << header;
  }
  WriteFile(std::string(100000, '['), 0);
  EXPECT_THAT(Error(), HasSubstr("nested"));
}

// Each hostile tensor entry, with the bytes behind the header and what the error must say beside
// file and tensor.
TEST_F(SafetensorsTest, RefusesHostileEntriesNamingFileAndTensor) {
  struct Case {
    const char* entry;
    size_t data;
    const char* says;
  };
  const Case cases[] = {
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,16]})", 8, "inside the file"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", 8, "inside the file"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})", 8, "at least 0"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})", 8, "at least 0"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})", 8, "data_offsets"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0.5,8]})", 8, "at least 0"},
      {R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8, "need 12 bytes"},
      {R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", 8, "at least 0"},
      {R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})", 8, "at least 0"},
      {R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})", 0, "overflows"},
      {R"({"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]})", 0, "overflows"},
      {R"({"dtype":"F99","shape":[2],"data_offsets":[0,8]})", 8, "F99"},
      {R"({"dtype":4,"shape":[2],"data_offsets":[0,8]})", 8, "type"},
      {R"({"shape":[2],"data_offsets":[0,8]})", 8, "dtype"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})", 12, "gap"},
  };
  for (const Case& c : cases) {
    WriteFile(std::string(R"({"victim":)") + c.entry + "}", c.data);
    EXPECT_THAT(Error(), AllOf(HasSubstr(file_.string()), HasSubstr("victim"), HasSubstr(c.says)))
        << c.entry;
  }
}

TEST_F(SafetensorsTest, RefusesOverlapDuplicatesAndTrailingBytes) {
  const std::string x = R"("x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  WriteFile("{" + x + R"(,"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12);
  EXPECT_THAT(Error(), AllOf(HasSubstr("'y'"), HasSubstr("overlap")));
  WriteFile("{" + x + "," + x + "}", 8);
  EXPECT_THAT(Error(), AllOf(HasSubstr("'x'"), HasSubstr("twice")));
  WriteFile(R"({"x":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}})", 8);
  EXPECT_THAT(Error(), AllOf(HasSubstr("'dtype'"), HasSubstr("twice")));
  WriteFile("{" + x + "}", 9);
  EXPECT_THAT(Error(), HasSubstr("1 bytes behind"));
}

TEST(CopyStateTest, ListsEveryFaultAtOnceAndThenCopiesNothing) {
  const std::map<std::string, at::Tensor> target = {
      {"good", at::zeros({2})}, {"lost", at::zeros({2})}, {"shape", at::zeros({2})}};
  const std::map<std::string, at::Tensor> source = {
      {"good", at::ones({2})}, {"shape", at::ones({3})}, {"extra", at::ones({1})}};
  try {
    CopyState(source, target, "the model");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("the model"), HasSubstr("missing: lost"),
                                    HasSubstr("wrong shape: shape"), HasSubstr("unknown: extra")));
  }
  EXPECT_TRUE(at::equal(target.at("good"), at::zeros({2})));
}

TEST(CopyStateTest, ConvertsFloatingTypesAndKeepsTheTargetsLayout) {
  const at::Tensor weight =
      at::zeros({2, 3, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_();
  const at::Tensor source = at::arange(54).reshape({2, 3, 3, 3}).to(at::kBFloat16);
  CopyState({{"w", source}}, {{"w", weight}}, "w");
  EXPECT_TRUE(at::equal(weight.detach(), source.to(at::kFloat)));
  EXPECT_TRUE(weight.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_THROW(CopyState({{"w", source.to(at::kLong)}}, {{"w", weight}}, "w"), std::runtime_error);
}

}  // namespace
}  // namespace alignflow
