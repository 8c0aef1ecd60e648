#ifndef ALIGNFLOW_WORKER_TASKS_TASK_SPEC_H_
#define ALIGNFLOW_WORKER_TASKS_TASK_SPEC_H_

#include <cstdint>
#include <string>

#include "worker/tasks/task.h"

namespace alignflow {

// Typed reading of a TaskSpec. All throw TaskError with InvalidArgument naming the setting or role
// that is missing or malformed: specs come from the coordinator, which has checked them, so this is
// a coordinator of another version.
std::string TextSetting(const TaskSpec& spec, const std::string& name);
int64_t IntegerSetting(const TaskSpec& spec, const std::string& name);
double RealSetting(const TaskSpec& spec, const std::string& name);
const std::string& Input(const TaskSpec& spec, const std::string& role);

// The bytes of a blob.
std::string FetchBytes(TaskContext& context, const std::string& digest);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_TASK_SPEC_H_
