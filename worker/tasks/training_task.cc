#include "worker/tasks/training_task.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kCurvePoints = 100;

// Curve and watch as one text, and back.
std::string NotesOf(const TrainingCurve& curve, const TrainingWatch* watch) {
  nlohmann::json notes{{"curve", curve.ToJson()}};
  if (watch) notes["watch"] = watch->ToJson();
  return notes.dump();
}

void RestoreNotes(const std::string& text, TrainingCurve& curve, TrainingWatch* watch) {
  try {
    const auto notes = nlohmann::json::parse(text);
    if (watch) watch->Restore(notes.at("watch"));
    curve.Restore(notes.at("curve"));
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(std::string("not the notes of a training task: ") + error.what());
  }
}

}  // namespace

Coupling CouplingOf(const TaskSpec& spec) {
  return spec.settings.contains("fit.coupling") ? CouplingNamed(TextSetting(spec, "fit.coupling"))
                                                : Coupling::kIndependent;
}

int64_t TrainUnder(TaskContext& context, ProgressReporter& progress,
                   const std::vector<at::Tensor>& parameters, TrainingOptions options,
                   std::function<StepLoss(int64_t step)> loss, TrainingCurve* curve,
                   TrainingWatch* watch, int64_t watch_interval) {
  options.file = context.scratch() / "checkpoint.safetensors";
  const int64_t spacing = std::max<int64_t>(1, options.iterations / kCurvePoints);
  TrainingHooks hooks{
      .loss = std::move(loss),
      .progress =
          [&](int64_t done, std::map<std::string, double> values) {
            progress.Report(done, values);
            if (!curve || done % spacing != 0) return;
            // The watch adds its own points, at its looks.
            if (watch)
              std::erase_if(
                  values, [&](const auto& value) { return watch->values().contains(value.first); });
            curve->Add(done, values);
          },
      .checkpoint = [&](const auto& file) { ThrowIfError(context.SaveCheckpoint(file)); },
      .before_step = [&] { progress.ThrowIfCancelled(); },
      .watch = watch,
      .watch_interval = watch_interval,
  };
  if (curve) {
    hooks.notes = [&] { return NotesOf(*curve, watch); };
    hooks.restore = [&](const std::string& notes) { RestoreNotes(notes, *curve, watch); };
  }
  const auto checkpoint = ValueOrThrow(context.LoadCheckpoint());
  return Train(parameters, options, hooks, checkpoint.value_or(""));
}

}  // namespace alignflow
