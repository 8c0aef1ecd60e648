#ifndef ALIGNFLOW_SERVER_CATALOG_QUEUE_H_
#define ALIGNFLOW_SERVER_CATALOG_QUEUE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// What waits in the queue. `pretrained`: whether the task loads a pretrained model, so that not
// every worker can take it.
struct QueueLook {
  std::map<std::pair<std::string, bool>, int64_t> tasks;  // by kind and `pretrained`
  // Since when the task waits that waits longest, by `pretrained`; nothing where none does.
  std::map<bool, absl::Time> oldest;
};

// Costs the same however much waits. Within Catalog::Read only.
QueueLook LookAtQueue(Sql& sql);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_QUEUE_H_
