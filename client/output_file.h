#ifndef ALIGNFLOW_CLIENT_OUTPUT_FILE_H_
#define ALIGNFLOW_CLIENT_OUTPUT_FILE_H_

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/session.h"
#include "common/partial_file.h"

namespace alignflow {

// What a user wants written, under the name that they gave. Only regular files are replaced:
//   -              stdout, as are its names in /dev and /proc
//   device, pipe   written to as it is
//   folder, disk, socket: refused
//   regular file   gives way to a whole new one with its mode (see PartialFile); refused where it
//                  is write-protected. Hard links to the old one keep the old bytes
//   symbolic link  is followed and stays; refused in a folder that everybody may write to where it
//                  is neither ours nor the folder's owner's, as Linux refuses it to programs that
//                  open the name
// Errors name the file and what to do. Not thread-safe.
class OutputFile {
 public:
  // Opens what has the name. `standard_output` stands for "-". Waits for the reader of a pipe.
  static absl::StatusOr<OutputFile> Open(const std::string& name, std::ostream& standard_output);
  // Whether a name means stdout.
  static bool IsStandardOutput(std::string_view name);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  // A regular file that was not finished is left as it was.
  ~OutputFile();

  absl::Status Append(std::string_view bytes);
  // All bytes are there: a regular file takes its name, a stream is closed.
  absl::Status Finish();

 private:
  explicit OutputFile(std::string name) : name_(std::move(name)) {}
  absl::Status Error(int error) const;

  std::string name_;
  // One of the three.
  std::unique_ptr<PartialFile> file_;
  int stream_ = -1;
  std::ostream* standard_output_ = nullptr;
};

// The file that a command was asked to write. With --json stdout is the document's.
absl::StatusOr<OutputFile> OpenOutput(Session& session, const std::string& name);

// What a command prints that has written `name`: the text goes to stderr where stdout has the
// output itself.
Result WroteOutput(Session& session, const std::string& name, Json document, std::string text);

// A file of a folder that a command was asked to write.
absl::Status WriteInFolder(const std::filesystem::path& file, std::string_view bytes);

// InvalidArgument for a name that can't be a folder to write into.
absl::Status CheckOutputFolder(const std::string& name);

// Hands on what was written to a stream of this process. The error says why it did not arrive.
absl::Status FlushStandardOutput(std::ostream& standard_output);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_OUTPUT_FILE_H_
