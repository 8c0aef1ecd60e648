#ifndef ALIGNFLOW_SERVER_SERVICES_REQUESTS_H_
#define ALIGNFLOW_SERVER_SERVICES_REQUESTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

// What requests of several services have in common. Pure.
namespace alignflow {

// The id in a resource name such as "datasets/x". InvalidArgument, with the form, unless the id is
// 1 to 63 lower-case letters, digits, '-' and '_', beginning with a letter or digit. `collection`
// is "datasets", `field` names the request's field.
absl::StatusOr<std::string> ParseName(const std::string& name, const std::string& collection,
                                      const std::string& field);
// The same for the bare id.
absl::Status CheckId(const std::string& id, const std::string& field);

// One page of a list, newest first: at most `size` entries with a sequence below `before`.
struct Page {
  int size = 0;
  int64_t before = 0;
};
// A size of 0 means 100; more than 1000 counts as 1000. InvalidArgument for a negative size or a
// token that no answer held.
absl::StatusOr<Page> ParsePage(int size, const std::string& token);
std::string PageToken(int64_t last_sequence);

// InvalidArgument for more labels of a job than are kept or looked for.
absl::Status CheckLabelCount(int count);

google::protobuf::Timestamp ToTimestamp(absl::Time time);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_REQUESTS_H_
