#ifndef ALIGNFLOW_SERVER_SCHEDULER_KIND_SETTINGS_H_
#define ALIGNFLOW_SERVER_SCHEDULER_KIND_SETTINGS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/settings/settings.h"
#include "server/scheduler/job_shape.h"

// Settings of jobs that fit a model alone or begin with one. Pure.
namespace alignflow {

// What made a model.
struct ModelOrigin {
  std::string preset;
  bool aligned = false;      // of stage 2: it has references
  bool sees_views = false;   // fields of view; otherwise whole pictures
  SettingMap settings = {};  // of the tasks that made it
};

// The resolved settings of a job that makes pairs with the model: the preset's, those that the
// model was made with, and `given` above all. A stage-1 model knows no references: unless `given`
// says otherwise its pairs are generated from noise and framed as their masks' own images are.
// InvalidArgument for another value of what the model itself is of, for what needs references where
// there are none, and as CheckUseOfSettings and ResolveSettings say.
absl::StatusOr<SettingMap> SettingsWithModel(const ModelOrigin& model, const SettingMap& given);

// InvalidArgument for a setting that no task of a job of this kind depends on, with the remedy.
absl::Status CheckUseOfSettings(JobKind kind, const SettingMap& given);

// InvalidArgument for a setting that says nothing about a model that is imported.
absl::Status CheckUseOfImport(const SettingMap& given);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_KIND_SETTINGS_H_
