#include "worker/training/checkpoint.h"

#include <ATen/core/grad_mode.h>

#include <charconv>
#include <map>
#include <stdexcept>
#include <string>

#include "worker/models/safetensors.h"

namespace alignflow {
namespace {

constexpr char kSteps[] = "steps";
constexpr char kNotes[] = "notes";

std::map<std::string, at::Tensor> TensorsOf(const AdamW& optimizer, const Ema& ema,
                                            const std::vector<at::Tensor>& best) {
  std::map<std::string, at::Tensor> tensors;
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const std::string number = "." + std::to_string(i);
    tensors["parameter" + number] = optimizer.parameters()[i].detach();
    if (!ema.averages().empty()) tensors["average" + number] = ema.averages()[i];
    if (!best.empty()) tensors["best" + number] = best[i];
    tensors["moment1" + number] = optimizer.first_moments()[i];
    tensors["moment2" + number] = optimizer.second_moments()[i];
  }
  return tensors;
}

}  // namespace

void SaveCheckpoint(const std::filesystem::path& file, const AdamW& optimizer, const Ema& ema,
                    const CheckpointExtra& extra) {
  WriteSafetensors(file, TensorsOf(optimizer, ema, extra.best),
                   {{kSteps, std::to_string(optimizer.steps())}, {kNotes, extra.notes}});
}

void LoadCheckpoint(const std::filesystem::path& file, AdamW& optimizer, Ema& ema,
                    const std::vector<at::Tensor>& best) {
  const SafetensorsFile saved(file);
  const auto entry = saved.metadata().find(kSteps);
  const std::string text = entry == saved.metadata().end() ? "" : entry->second;
  int64_t steps = -1;
  std::from_chars(text.data(), text.data() + text.size(), steps);
  if (steps < 0) throw std::runtime_error(file.string() + " is not a training checkpoint");
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : saved.Names()) tensors[name] = saved.Get(name);
  const at::NoGradGuard no_grad;
  CopyState(tensors, TensorsOf(optimizer, ema, best), file.string());
  optimizer.set_steps(steps);
  ema.set_updates(steps);
}

std::string CheckpointNotes(const std::filesystem::path& file) {
  const SafetensorsFile saved(file);
  const auto notes = saved.metadata().find(kNotes);
  return notes == saved.metadata().end() ? "" : notes->second;
}

}  // namespace alignflow
