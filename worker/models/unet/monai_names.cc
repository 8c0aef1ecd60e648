#include "worker/models/unet/monai_names.h"

#include <utility>

namespace alignflow {

std::map<std::string, at::Tensor> FromMonaiCoreNames(
    const std::map<std::string, at::Tensor>& state) {
  // In this order: a transformer's out_proj is not an attention block's.
  static constexpr std::pair<const char*, const char*> kRenamed[] = {
      {".attn.out_proj.", ".proj_attn."},
      {".attn.to_", ".to_"},
      {".out_proj.", ".to_out.0."},
      {".upsampler.postconv.", ".upsampler.conv."}};
  std::map<std::string, at::Tensor> renamed;
  for (const auto& [name, tensor] : state) {
    std::string result = name;
    for (const auto& [from, to] : kRenamed) {
      const size_t position = result.find(from);
      if (position != std::string::npos) result.replace(position, std::string(from).size(), to);
    }
    renamed.emplace(std::move(result), tensor);
  }
  return renamed;
}

}  // namespace alignflow
