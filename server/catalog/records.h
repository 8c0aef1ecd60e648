#ifndef ALIGNFLOW_SERVER_CATALOG_RECORDS_H_
#define ALIGNFLOW_SERVER_CATALOG_RECORDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/settings/settings.h"
#include "common/settings/task_spec.h"
#include "server/access/tenant_names.h"
#include "server/scheduler/job_shape.h"
#include "server/scheduler/task_record.h"

// What the catalog keeps, as plain data. A time of absl::UnixEpoch() means "not yet".
namespace alignflow {

struct DatasetRecord {
  int64_t sequence = 0;  // rises with creation; given by the catalog
  std::string tenant = kDefaultTenant;
  std::string id;      // ScopedId (server/access/tenant_names.h)
  std::string digest;  // of the canonical manifest, which is stored as the blob of this name
  std::string labels;  // LabelTable's text form
  int64_t item_count = 0;
  int64_t size_bytes = 0;
  std::string smallest, largest;  // "WxH"
  std::string mask_facts;         // common/data/structures.h's JSON; empty: unknown
  absl::Time create_time = absl::UnixEpoch();
  // Of jobs with this source, after their end; infinite: for ever. Nothing: the coordinator's.
  std::optional<absl::Duration> keep_jobs = {};
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
  std::string tenant = kDefaultTenant;
  std::string id;
  std::string request_id;  // ScopedText; empty if the client chose none
  JobState state = JobState::kQueued;
  std::string source, source_digest;  // dataset id (ScopedId) and digest of its manifest
  std::string target, target_digest;  // empty if none was given
  // Of the references' manifest or, of kind fit, of the weights that the model is made of; empty if
  // there are none.
  std::string references_digest;
  int64_t pairs = 0;  // 0 of kind fit
  std::string preset;
  SettingMap settings;  // resolved
  JobKind kind = JobKind::kAlign;
  // Of kind generate: the model's id, the keys of the tasks that made it by stage ("fit", "align"),
  // and the dataset whose masks the pairs have, if it is not the source.
  std::string model = {};
  std::map<std::string, std::string> model_tasks = {};
  std::string masks = {}, masks_digest = {};
  std::vector<std::string> warnings;
  std::string error;
  absl::Time create_time = absl::UnixEpoch();
  absl::Time start_time = absl::UnixEpoch();
  absl::Time end_time = absl::UnixEpoch();
  int64_t last_event = 0;  // number of the latest event; the job is what that event shows
  absl::Time event_time = absl::UnixEpoch();
};

// One task's place in a job. Places are made as the job reaches them.
struct JobTaskRecord {
  std::string stage;
  int ordinal = 0;
  std::string task_key;
  bool reused = false;  // its result was there
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
