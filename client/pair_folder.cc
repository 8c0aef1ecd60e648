#include "client/pair_folder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/partial_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// Whether a file is what was written: what the job has, or what was made of it.
bool IsAsWritten(const fs::path& file, const std::string& sha256, const std::string& file_sha256) {
  const auto digest = Sha256OfFile(file);
  return digest.ok() && *digest == (file_sha256.empty() ? sha256 : file_sha256);
}

absl::Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("cannot make the folder ", folder.string(), ": ", error.message()));
}

// What a pull left that was killed: among images it would be taken for one that can't be read.
void RemoveUnfinished(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (PartialFile::IsUnfinished(entry.path())) unfinished.push_back(entry.path());
  }
  for (const fs::path& file : unfinished) fs::remove(file, ignored);
}

}  // namespace

PairFolder::PairFolder(fs::path folder, std::string job, std::string frames, PairFormat format,
                       PairContent content, AppendLog manifest)
    : folder_(std::move(folder)),
      job_(std::move(job)),
      frames_(std::move(frames)),
      format_(format),
      content_(content),
      manifest_(std::move(manifest)) {}

absl::StatusOr<PairFolder> PairFolder::Open(const fs::path& folder, const std::string& job,
                                            const std::string& frames, PairFormat format,
                                            PairContent content) {
  const fs::path manifest = folder / "manifest.jsonl";
  std::vector<fs::path> parts = {folder};
  for (const std::string& part : FoldersOf(format)) parts.push_back(folder / part);
  std::error_code error;
  if (!fs::exists(manifest, error)) {
    for (const fs::path& part : parts) {
      if (part != folder && fs::exists(part, error) && !fs::is_empty(part, error)) {
        return absl::FailedPreconditionError(
            absl::StrCat(part.string(), " holds files of something else: pull into a new folder"));
      }
    }
  }
  for (const fs::path& part : parts) {
    absl::Status made = MakeFolder(part);
    if (!made.ok()) return made;
  }
  auto log = AppendLog::Open(manifest);
  if (!log.ok()) return log.status();
  // The log is locked: what another pull has not finished is nobody's.
  for (const fs::path& part : parts) RemoveUnfinished(part);
  const std::vector<std::string> lines = log->lines();
  PairFolder pairs(folder, job, frames, format, content, *std::move(log));
  for (const std::string& line : lines) {
    absl::Status read = pairs.Read(line);
    if (!read.ok()) return read;
  }
  return pairs;
}

absl::Status PairFolder::Read(const std::string& line) {
  const std::string where =
      absl::StrCat((folder_ / "manifest.jsonl").string(), " line ", size() + 1, ": ");
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto text = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (json.is_object() && !text("job").empty() && text("job") != job_) {
    return absl::FailedPreconditionError(absl::StrCat(
        where, "the folder holds pairs of ", text("job"), "; pull ", job_, " into a new folder"));
  }
  if (json.is_object() && json.value("frames", "references") != frames_) {
    return absl::FailedPreconditionError(absl::StrCat(
        where, "the folder holds the pairs ", frames_ == "view" ? "in frames" : "as views",
        ": pull them ", frames_ == "view" ? "as views" : "in frames", " into a new folder"));
  }
  if (const std::string name = PairFormatName(format_);
      json.is_object() && json.value("format", "folder") != name) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, "the folder holds pairs in the format ", json.value("format", "folder"),
                     ": pull those in the format ", name, " into a new folder"));
  }
  Entry entry;
  if (json.is_object()) {
    const bool numbered = json.contains("pair") && json["pair"].is_number_integer();
    entry = {.pair = numbered ? json["pair"].get<int>() : 0,
             .image_sha256 = text("image_sha256"),
             .mask_sha256 = text("mask_sha256"),
             .image_file_sha256 = text("image_file_sha256"),
             .mask_file_sha256 = text("mask_file_sha256")};
  }
  if (!IsSha256Hex(entry.image_sha256) || !IsSha256Hex(entry.mask_sha256) ||
      IsSha256Hex(entry.image_file_sha256) != RewritesImages(format_) ||
      IsSha256Hex(entry.mask_file_sha256) != HoldsClasses(format_) || entry.pair <= last_pair()) {
    return absl::DataLossError(absl::StrCat(where, "not the record of a pair after pair ",
                                            last_pair(),
                                            "; was the file edited? Pull into a new folder"));
  }
  entries_.push_back(std::move(entry));
  return absl::OkStatus();
}

std::vector<PairFolder::Entry> PairFolder::FindDamaged() const {
  std::vector<Entry> damaged;
  for (const Entry& entry : entries_) {
    if (!IsAsWritten(ImagePath(entry.pair), entry.image_sha256, entry.image_file_sha256) ||
        !IsAsWritten(MaskPath(entry.pair), entry.mask_sha256, entry.mask_file_sha256)) {
      damaged.push_back(entry);
    }
  }
  return damaged;
}

std::vector<int> PairFolder::pairs() const {
  std::vector<int> pairs;
  pairs.reserve(entries_.size());
  for (const Entry& entry : entries_) pairs.push_back(entry.pair);
  return pairs;
}

fs::path PairFolder::ImagePath(int pair) const {
  return folder_ / ImageName(format_, content_, pair);
}
fs::path PairFolder::MaskPath(int pair) const {
  return folder_ / MaskName(format_, content_, pair);
}

absl::Status PairFolder::Append(const Entry& entry, const std::string& record_json) {
  const Json record = Json::parse(record_json, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) {
    return absl::DataLossError(
        absl::StrCat("the record of pair ", entry.pair, " is no JSON object"));
  }
  Json line = {{"job", job_},
               {"frames", frames_},
               {"pair", entry.pair},
               {"image", ImageName(format_, content_, entry.pair)},
               {"image_sha256", entry.image_sha256},
               {"mask", MaskName(format_, content_, entry.pair)},
               {"mask_sha256", entry.mask_sha256},
               {"record", record}};
  if (format_ != PairFormat::kFolder) line["format"] = PairFormatName(format_);
  if (!entry.image_file_sha256.empty()) line["image_file_sha256"] = entry.image_file_sha256;
  if (!entry.mask_file_sha256.empty()) line["mask_file_sha256"] = entry.mask_file_sha256;
  absl::Status written = manifest_.Append(line.dump());
  if (written.ok()) entries_.push_back(entry);
  return written;
}

}  // namespace alignflow
