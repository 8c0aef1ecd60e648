#ifndef ALIGNFLOW_SERVER_CATALOG_RESULT_STATES_H_
#define ALIGNFLOW_SERVER_CATALOG_RESULT_STATES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"

// Results, which have a state of their own: whatever becomes of the tasks and jobs that want them
// made again. Within Catalog::Transact and CatalogReader::Read only.
namespace alignflow {

enum class ResultState {
  kWhole,
  kLost,  // a blob of it is gone
  kBad,   // an operator does not trust it
};

struct ResultRecord {
  ResultState state = ResultState::kWhole;
  std::string reason;  // empty if whole
};

// Nothing if the task never had a result.
std::optional<ResultRecord> ResultOfTask(Sql& sql, const std::string& task_key);
void SetResult(WritingSql& sql, const std::string& task_key, const ResultRecord& record,
               absl::Time now);

// A stage of a job with results that are not whole.
struct BrokenStage {
  std::string stage;
  ResultRecord result;  // one of them
};
std::vector<BrokenStage> BrokenStagesOfJob(Sql& sql, const std::string& job);

// Tasks with a result at the job's places of the stage.
std::vector<std::string> ResultsOfStage(Sql& sql, const std::string& job, const std::string& stage);
// Tasks with a result one of whose inputs the task put out, in any role, of jobs of the tenant.
std::vector<std::string> ResultsMadeFrom(Sql& sql, const std::string& tenant,
                                         const std::string& task_key);

// Tasks that made the blob, or a picture of a pair in one of their outputs, of those that the task
// `reader` has its inputs from, in unfinished jobs.
std::vector<std::string> MakersOfInput(Sql& sql, const std::string& reader,
                                       const std::string& blob);
// Queued tasks that wait longer than until `now` and have an input that the task put out.
std::vector<std::string> ReadersThatWait(Sql& sql, const std::string& task_key, absl::Time now);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_RESULT_STATES_H_
