#ifndef ALIGNFLOW_WORKER_DATA_FAULT_LIST_H_
#define ALIGNFLOW_WORKER_DATA_FAULT_LIST_H_

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace alignflow {

// A path as messages show it: relative to `root` where it lies below it, control characters and
// bytes that are no UTF-8 escaped.
std::string ShownPath(const std::filesystem::path& path, const std::filesystem::path& root = {});

// "a, b, c and 7 more": the first ten of `names`, of which there are `count` in all.
std::string FirstTen(const std::vector<std::string>& names, size_t count);

struct Fault {
  std::string kind;    // what its group is headed with: "images without a mask"
  std::string remedy;  // the same for the whole kind
  std::filesystem::path path;
  std::string reason;  // of this file: "has no mask (masks/a.png is not there)"
  bool permission = false;
};

// What a reader or decoder refuses, "FILE: REASON; REMEDY" or without the file's name, as its
// fault.
Fault FaultOf(const absl::Status& status, const std::filesystem::path& path, std::string_view kind);

// All that is wrong with a folder, said at once: kinds in the order in which they were first met,
// the first kNamed files of each kind and the count of the rest. What is kept in memory does not
// grow with the number of faults. Not thread-safe.
class FaultList {
 public:
  static constexpr size_t kNamed = 20;

  explicit FaultList(std::filesystem::path root) : root_(std::move(root)) {}

  void Add(Fault fault);
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }

  // OK if there is none. A single fault is one line, "PATH: REASON; REMEDY"; several are a line
  // that counts them and a paragraph for each kind. InvalidArgument, or PermissionDenied where
  // permissions are all that is wrong.
  absl::Status ToStatus() const;

 private:
  struct Group {
    std::vector<Fault> named;  // at most kNamed
    size_t count = 0;
  };

  std::filesystem::path root_;
  std::vector<Group> groups_;
  std::map<std::pair<std::string, std::string>, size_t> group_of_;  // by kind and remedy
  size_t count_ = 0;
  bool permissions_only_ = true;
};

// What a folder holds that is not read, in its owner's words. Not thread-safe.
class LeftOutList {
 public:
  explicit LeftOutList(std::filesystem::path root) : root_(std::move(root)) {}

  // `reason` is the same for all files of a kind: "hidden files"; `detail` is of this one: "(3
  // pages)".
  void Add(const std::filesystem::path& path, std::string_view reason,
           std::string_view detail = "");

  // A sentence for each folder and reason: "images/: 12 left out (hidden files): .a, .b and 10
  // more".
  std::vector<std::string> Sentences() const;
  // Of one folder, without its name: "12 left out (hidden files): .a, .b and 10 more".
  std::vector<std::string> SentencesOf(const std::filesystem::path& folder) const;

 private:
  struct Group {
    std::vector<std::string> names;  // at most ten
    size_t count = 0;
  };
  static std::string Sentence(const std::string& reason, const Group& group);

  std::filesystem::path root_;
  std::map<std::pair<std::string, std::string>, Group> groups_;  // by folder and reason
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_FAULT_LIST_H_
