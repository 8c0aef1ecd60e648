#ifndef ALIGNFLOW_TESTS_SERVER_FAKE_RESULTS_H_
#define ALIGNFLOW_TESTS_SERVER_FAKE_RESULTS_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/settings/task_spec.h"
#include "tests/server/grey_png.h"

// Results of the forms that tasks put out, without anything in them. They differ from task to task.
namespace alignflow {

struct FakeTensor {
  std::string type;
  std::vector<int64_t> shape;
};

// A safetensors file of zeros.
inline std::string FakeSafetensors(const std::map<std::string, FakeTensor>& tensors,
                                   const std::map<std::string, std::string>& metadata) {
  static const std::map<std::string, int64_t> sizes = {{"F32", 4}, {"I64", 8}, {"U8", 1}};
  nlohmann::json header = {{"__metadata__", metadata}};
  int64_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    const int64_t begin = end;
    int64_t bytes = sizes.at(tensor.type);
    for (const int64_t side : tensor.shape) bytes *= side;
    end += bytes;
    header[name] = {
        {"dtype", tensor.type}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  const std::string text = header.dump();
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>(text.size() >> (8 * i));
  return length + text + std::string(end, '\0');
}

inline std::string TextOf(const std::map<std::string, std::string>& texts,
                          const std::string& name) {
  const auto text = texts.find(name);
  return text == texts.end() ? "" : text->second;
}

// Of any role but those that list pairs or masks.
inline std::string FakeResult(const TaskSpec& task, const std::string& key,
                              const std::string& role) {
  if (role == "packed") {
    const int64_t size = std::stoll(TextOf(task.settings, "size"));
    return FakeSafetensors({{"images", {"U8", {1, 3, size, size}}},
                            {"name_ends", {"I64", {1}}},
                            {"image_digests", {"U8", {1, 32}}}},
                           {{"task", key}, {"dataset", TextOf(task.inputs, "dataset")}});
  }
  if (role == "statistics") {
    return FakeSafetensors(
        {{"pictures", {"F32", {2, 256}}}, {"features", {"F32", {2, 8}}}, {"units", {"I64", {3}}}},
        {{"task", key}});
  }
  if (role == "pool") {
    return FakeSafetensors({{"states", {"F32", {2, 4}}}, {"classes", {"U8", {2, 4}}}},
                           {{"task", key}});
  }
  if (role == "model" || role == "segmenter") {
    return FakeSafetensors({{"weight", {"F32", {2}}}}, {{"task", key}, {"segmenter", "unet"}});
  }
  if (role == "contact-sheet.png") return GreyPng(4, 4, 1);
  if (role == "figures") {
    return R"([{"name":"mmd to target","subject":"stage 2","value":0.5,"low":0.4,"high":0.6,)"
           R"("better":"lower","sample_count":2},{"name":"fid","subject":"stage 2",)"
           R"("value":null,"note":"no weights","unit":""}])";
  }
  if (role == "verdicts.json") {
    return R"([{"name":"alignment","verdict":"good","reason":"closer than stage 1"}])";
  }
  if (role == "curve.json") return R"({"name":")" + key + R"(","x":"step","series":[]})";
  if (role == "scores") return R"({"segmenter":")" + key + R"(","classes":[],"images":[]})";
  if (role == "samples.json" || role == "embedding.json") return R"([{"task":")" + key + R"("}])";
  return R"({"task":")" + key + R"("})";
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_FAKE_RESULTS_H_
