#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_IMAGES_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_IMAGES_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "alignflow/v1/jobs.pb.h"
#include "common/data/fingerprint.h"
#include "common/data/structures.h"
#include "server/services/service_context.h"

// The sets of images of a job that is being submitted, as far as they can be compared without
// opening a file.
namespace alignflow {

struct ImagesOfJob {
  std::string what;                    // for messages: "--source polyps"
  std::vector<SetMember> members;      // without names and groups until FillInNames
  std::string manifest;                // its digest; empty: the members have their names
  std::optional<MaskFacts> masks;      // nothing: the client did not say
  bool groups_given = false;           // and not only told by names; known with the names
  std::set<std::string> classes = {};  // likewise, what images as a whole show
};

// option: "--source" or "--target". Aborted if the dataset is no longer the one of `digest`.
absl::StatusOr<ImagesOfJob> ImagesOfDataset(ServiceContext& context, const std::string& option,
                                            const std::string& id, const std::string& digest);
ImagesOfJob ImagesOfReferences(const v1::AlignSpec& spec);

// Names and groups, from the manifest; once they are there, it does nothing.
absl::Status FillInNames(ServiceContext& context, ImagesOfJob& images);

// FindSame; of very many images, by files alone.
std::vector<SameMember> SameOf(const ImagesOfJob& of, const ImagesOfJob& in);

// "a = img-3, b looks like img-4 and 7 more"; at most ten.
std::string Named(const std::vector<SameMember>& same, const std::vector<SetMember>& of,
                  const std::vector<SetMember>& in);

int64_t DistinctFiles(const ImagesOfJob& images);

// The spec with each file among the references once, and what that took, for people.
struct DistinctReferences {
  v1::AlignSpec spec;
  std::vector<std::string> warnings;
};
DistinctReferences WithoutRepeatedReferences(const v1::AlignSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_IMAGES_H_
