#include <opencv2/core.hpp>

#include "absl/strings/str_cat.h"
#include "worker/tasks/diverged.h"
#include "worker/tasks/task.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/training/loss_not_finite.h"

namespace alignflow {
namespace {

using TaskFunction = TaskOutputs (*)(const TaskSpec&, TaskContext&);

TaskFunction FunctionOf(const std::string& kind) {
  if (kind == "prepare") return RunPrepare;
  if (kind == "describe") return RunDescribe;
  if (kind == "fit") return RunFit;
  if (kind == "rollout") return RunRollout;
  if (kind == "align") return RunAlign;
  if (kind == "generate") return RunGenerate;
  if (kind == "fit-masks") return RunFitMasks;
  if (kind == "masks") return RunMasks;
  if (kind == "judge") return RunJudge;
  if (kind == "baseline") return RunBaseline;
  if (kind == "evaluate") return RunEvaluate;
  if (kind == "transfer") return RunTransfer;
  if (kind == "figures") return RunFigures;
  return nullptr;
}

}  // namespace

absl::StatusOr<TaskOutputs> RunTask(const TaskSpec& spec, TaskContext& context) {
  const TaskFunction function = FunctionOf(spec.kind);
  if (function == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("there is no task kind '", spec.kind, "'"));
  }
  const auto during = [&](const std::exception& error) {
    return absl::StrCat("during ", spec.kind, ": ", error.what());
  };
  try {
    return function(spec, context);
  } catch (const TaskError& error) {
    return error.status();
  } catch (const LossNotFinite& error) {
    absl::Status status = absl::InvalidArgumentError(during(error));
    status.SetPayload(kDiverged, {});
    return status;
  } catch (const std::invalid_argument& error) {
    return absl::InvalidArgumentError(during(error));
  } catch (const std::bad_alloc& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("during ", spec.kind, ": out of memory; a smaller batch needs less"));
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("during ", spec.kind, ": out of memory; a smaller batch needs less"));
  } catch (const c10::Error& error) {
    return absl::InternalError(
        absl::StrCat("during ", spec.kind, ": ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(during(error));
  }
}

}  // namespace alignflow
