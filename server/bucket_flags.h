#ifndef ALIGNFLOW_SERVER_BUCKET_FLAGS_H_
#define ALIGNFLOW_SERVER_BUCKET_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/objects/bucket_options.h"

namespace CLI {
class App;
}

namespace alignflow {

// The flags that say in which bucket blobs are, the same for every command. None holds a key.
class BucketFlags {
 public:
  // This object must live as long as the app parses.
  void AddTo(CLI::App& app);
  // Not given: the blobs are in the state folder. InvalidArgument, naming the flag.
  absl::StatusOr<BucketOptions> Get() const;

 private:
  std::string blobs_, endpoint_, region_ = BucketOptions().region, ca_, credentials_;
  bool plain_http_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BUCKET_FLAGS_H_
