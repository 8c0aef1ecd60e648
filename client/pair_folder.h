#ifndef ALIGNFLOW_CLIENT_PAIR_FOLDER_H_
#define ALIGNFLOW_CLIENT_PAIR_FOLDER_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/append_log.h"
#include "client/message_json.h"
#include "client/pair_format.h"

namespace alignflow {

// The folder that the pairs of one job are pulled into:
//   images/000001.png  masks/000001.png  manifest.jsonl
// or as the format has it; of jobs on volumes the files end in .nii.gz or .dcm. manifest.jsonl has
// one line a pair, in order, and is the truth about what was pulled; the numbers of pairs that the
// gates left out are missing:
//   {"job":"jobs/x","frames":"references","pair":1,"image":"images/000001.png","image_sha256":"...",
//    "mask":"masks/000001.png","mask_sha256":"...","record":{provenance}}
// record.synthetic says what the pair is: "generated", "restyled" or "recoloured". In another
// format than kFolder the line has "format", too, and where the files are others than the job's,
// "mask_file_sha256" and "image_file_sha256" are the digests of the files and "mask_sha256" and
// "image_sha256" those of what the job has. A pair's line is written after its files, so a crash at
// any moment leaves at most a torn last line, which is dropped, and files that the disk lost, which
// their digests tell. One process at a time: the manifest is locked. Not thread-safe.
class PairFolder {
 public:
  // What the manifest says about a pair.
  struct Entry {
    int pair = 0;
    std::string image_sha256;
    std::string mask_sha256;
    // Of the files, where they are others than the job's; empty otherwise.
    std::string image_file_sha256 = {}, mask_file_sha256 = {};
  };

  // Makes the folder if need be and reads its manifest. frames: "references" or "view", the form of
  // the pairs; lines without it are of the first. FailedPrecondition: it holds another job's pairs
  // or those of another form or format, or files without a manifest, or is in use. DataLoss: a line
  // is damaged, which a crash can't do. All name the remedy.
  static absl::StatusOr<PairFolder> Open(const std::filesystem::path& folder,
                                         const std::string& job,
                                         const std::string& frames = "references",
                                         PairFormat format = PairFormat::kFolder,
                                         PairContent content = PairContent::kPictures);

  // Number of pairs that are there, as far as the manifest knows.
  int size() const { return static_cast<int>(entries_.size()); }
  // The last of them; 0 if there are none.
  int last_pair() const { return entries_.empty() ? 0 : entries_.back().pair; }
  std::vector<int> pairs() const;
  // Those whose files no longer have the manifest's digests, in order.
  std::vector<Entry> FindDamaged() const;

  std::filesystem::path ImagePath(int pair) const;
  std::filesystem::path MaskPath(int pair) const;

  // Adds the line of a pair after last_pair(), whose files must be there. `record_json`: a JSON
  // object.
  absl::Status Append(const Entry& entry, const std::string& record_json);

 private:
  PairFolder(std::filesystem::path folder, std::string job, std::string frames, PairFormat format,
             PairContent content, AppendLog manifest);
  absl::Status Read(const std::string& line);

  std::filesystem::path folder_;
  std::string job_;
  std::string frames_;
  PairFormat format_;
  PairContent content_;
  AppendLog manifest_;
  std::vector<Entry> entries_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PAIR_FOLDER_H_
