#ifndef ALIGNFLOW_SERVER_CATALOG_RECORDS_H_
#define ALIGNFLOW_SERVER_CATALOG_RECORDS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/settings/settings.h"
#include "worker/tasks/task.h"

// What the catalog keeps, as plain data. A time of absl::UnixEpoch() means "not yet".
namespace alignflow {

// The moves between states are in server/scheduler/state_machine.h.
enum class JobState { kQueued, kRunning, kSucceeded, kFailed, kCancelled };
enum class TaskState { kQueued, kRunning, kSucceeded, kFailed, kCancelled };

struct DatasetRecord {
  int64_t sequence = 0;  // rises with creation; given by the catalog
  std::string id;
  std::string digest;  // of the canonical manifest, which is stored as the blob of this name
  std::string labels;  // LabelTable's text form
  int64_t item_count = 0;
  int64_t size_bytes = 0;
  std::string smallest, largest;  // "WxH"
  std::string mask_facts;         // common/data/structures.h's JSON; empty: unknown
  absl::Time create_time = absl::UnixEpoch();
};

// The blobs of one item of a dataset, which garbage collection must keep, and how the image is
// told from others.
struct DatasetBlobs {
  std::string image, mask;
  std::string
      fingerprint;  // common/data/fingerprint.h's bytes as hexadecimal digits; empty: unknown
};

struct ReferenceRecord {
  std::string stem;
  std::string image;  // digest
  int64_t size_bytes = 0;
};

struct JobRecord {
  int64_t sequence = 0;  // rises with creation; given by the catalog
  std::string id;
  std::string request_id;  // empty if the client chose none
  JobState state = JobState::kQueued;
  std::string source, source_digest;  // dataset id and digest of its manifest
  std::string target, target_digest;  // empty if none was given
  std::string references_digest;      // of the references' manifest
  int64_t pairs = 0;
  std::string preset;
  SettingMap settings;  // resolved
  std::vector<std::string> warnings;
  std::string error;
  absl::Time create_time = absl::UnixEpoch();
  absl::Time start_time = absl::UnixEpoch();
  absl::Time end_time = absl::UnixEpoch();
  int64_t last_event = 0;  // number of the latest event; the job is what that event shows
  absl::Time event_time = absl::UnixEpoch();
};

// A task's turn among those that are queued, the least first: the oldest job that wants it, and its
// place there.
struct TaskRank {
  int64_t job = 0;  // its sequence
  int stage = 0;
  int ordinal = 0;
  auto operator<=>(const TaskRank&) const = default;
};

struct TaskRecord {
  std::string key;  // TaskKey(spec)
  TaskSpec spec;
  TaskRank rank;
  TaskState state = TaskState::kQueued;
  // The lease. `attempt` numbers the leases of this task and never falls; `worker` is empty where
  // the coordinator has restarted and no worker has claimed the lease again.
  int64_t attempt = 0;
  std::string worker;
  absl::Time lease_expires = absl::UnixEpoch();
  std::string reported;  // how the latest attempt ended: "success", "failure", "handed_back" or ""
  int failures = 0;
  int losses = 0;          // workers that were lost with it
  std::string checkpoint;  // digest of the latest, or empty
  std::string error;
  TaskProgress progress;
  int64_t pairs = 0;           // that it made and that are handed out
  int64_t pairs_left_out = 0;  // that failed the gates
  absl::Time queue_time = absl::UnixEpoch();
  absl::Time start_time = absl::UnixEpoch();
  absl::Time end_time = absl::UnixEpoch();
};

// One task's place in a job. Places are made as the job reaches them.
struct JobTaskRecord {
  std::string stage;
  int ordinal = 0;
  std::string task_key;
  bool reused = false;  // its result was there
};

// A stage of a job, as the catalog counts it while the job goes on; what becomes of its tasks after
// the job's end changes nothing any more.
struct StageCount {
  std::string stage;
  int order = 0;
  int64_t tasks = 0;  // that the stage has
  int64_t made = 0;   // places
  // Places by the state of their task.
  int64_t queued = 0, running = 0, succeeded = 0, failed = 0, cancelled = 0;
  int64_t reused = 0;
  // Sums over the tasks that do not run and whose total is known. Those that run are known to
  // server/workflow/live_state.h.
  int64_t step = 0, total = 0, tasks_with_total = 0;
  int64_t pairs = 0;
  int64_t pairs_left_out = 0;
  int64_t retries = 0;
  absl::Time start_time = absl::UnixEpoch();  // earliest, of those not reused
  absl::Time end_time = absl::UnixEpoch();    // latest, of those not reused
  TaskProgress latest;                        // values and note of the task that ended last
};

// A task of a job that runs.
struct RunningTask {
  std::string stage;
  std::string key;
};

// A pair, a pair that failed the gates (left_out says why; it may lack image and mask), or a new
// mask that waits for its image (image is empty).
struct PairRecord {
  int64_t index = 0;
  std::string image, mask;  // digests of PNG files
  std::string record_json;
  std::string left_out;
  std::string view_image = {},
              view_mask = {};  // as image and mask, without the frame; may be empty
};

struct ModelRecord {
  std::string id;
  int64_t sequence = 0;
  std::string task_key;
  std::string stage;  // "fit" or "align"
  std::string preset;
  std::string weights;  // digest
  std::string source_digest;
  absl::Time create_time = absl::UnixEpoch();
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_RECORDS_H_
