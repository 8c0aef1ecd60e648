#include "client/pair_pull.h"

#include <functional>

#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/class_mask.h"
#include "client/job_text.h"
#include "client/output_file.h"
#include "client/pair_dicom.h"
#include "client/pair_folder.h"
#include "client/pair_index.h"
#include "client/patience.h"
#include "client/upload.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

class Puller {
 public:
  Puller(Session& session, Stubs& stubs, const std::string& job, v1::PairForm form,
         PairFormat format, PairContent content, PairFolder folder, absl::Duration timeout)
      : session_(session),
        stubs_(stubs),
        job_(job),
        form_(form),
        format_(format),
        content_(content),
        folder_(std::move(folder)),
        patience_(timeout, [this](const std::string& line) { PrintLine(line); }),
        counter_(session.console) {}

  absl::StatusOr<PullSummary> Pull(const fs::path& dir) {
    v1::Job job;
    absl::Status status = Persist([&] { return GetJob(job); });
    if (!status.ok()) return status;
    as_made_ = job;
    if (format_ != PairFormat::kFolder) {
      auto labels = LabelsOf(job_, job.source_version());
      if (!labels.ok()) return labels.status();
      labels_ = *std::move(labels);
    }
    for (const PairFolder::Entry& entry : folder_.FindDamaged()) {
      status = Persist([&] { return Repair(entry); });
      if (!status.ok()) return status;
      ++summary_.repaired;
    }
    status = Persist([&] { return PullRest(job); });
    counter_.End();
    // Of a job that has failed, what there is can be used as well.
    if (status.ok() || absl::IsAborted(status)) status.Update(WriteIndex(dir));
    if (!status.ok()) return status;
    summary_.pairs = folder_.size();
    summary_.left_out = job.pairs_left_out();
    status = Persist([&] { return SaveReport(dir); });
    if (absl::IsDataLoss(status)) {  // the pairs are there
      PrintLine(absl::StrCat("note: the figures are not saved: ", std::string(status.message())));
      status = absl::OkStatus();
    }
    if (!status.ok()) return status;
    return summary_;
  }

 private:
  void PrintLine(const std::string& line) {
    counter_.End();
    session_.console.err << line << std::endl;
  }

  // Calls `attempt` until it succeeds, fails for good, or patience has run out.
  absl::Status Persist(const std::function<absl::Status()>& attempt) {
    while (true) {
      absl::Status status = attempt();
      if (status.ok()) {
        patience_.Answered();
        return status;
      }
      status = patience_.AfterFailure(status);
      if (!status.ok()) return status;
    }
  }

  absl::Status GetJob(v1::Job& job) {
    v1::GetJobRequest request;
    request.set_name(job_);
    auto got = Call(*stubs_.jobs, &v1::Jobs::StubInterface::GetJob, request);
    if (got.ok()) job = *std::move(got);
    return got.status();
  }

  static absl::Status CheckBytes(const v1::Digest& digest, const std::string& data,
                                 const fs::path& path) {
    if (DescribeBytes(data).sha256 == digest.sha256()) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(path.filename().string(), ": the bytes received don't match their digest"));
  }

  absl::Status SaveFile(const v1::Digest& digest, const std::string& data, const fs::path& path) {
    // Files above 1 MiB come through Blobs.
    if (data.empty()) return SaveBlob(digest.sha256(), path);
    absl::Status whole = CheckBytes(digest, data, path);
    return whole.ok() ? WriteInFolder(path, data) : whole;
  }

  // A file of the job's that another is made of, which will be at `path`.
  absl::StatusOr<std::string> FetchFile(const v1::Digest& digest, std::string data,
                                        const fs::path& path) {
    if (data.empty()) return stubs_.blobs->DownloadBytes(digest.sha256(), kMaxImageFileBytes);
    absl::Status whole = CheckBytes(digest, data, path);
    if (!whole.ok()) return whole;
    return data;
  }

  // Writes what was made; `sha256` is its digest.
  static absl::Status SaveMade(const std::string& bytes, const fs::path& path,
                               std::string& sha256) {
    sha256 = DescribeBytes(bytes).sha256;
    return WriteInFolder(path, bytes);
  }

  absl::Status SaveClasses(const v1::Pair& pair, const fs::path& path, std::string& sha256) {
    const auto mask = FetchFile(pair.mask(), pair.mask_data(), path);
    if (!mask.ok()) return mask.status();
    const auto classes = ClassMask(*mask, content_, path.filename().string(), labels_);
    return classes.ok() ? SaveMade(*classes, path, sha256) : classes.status();
  }

  absl::Status SaveDicom(const v1::Pair& pair, PairFolder::Entry& entry) {
    const fs::path image_path = folder_.ImagePath(pair.index());
    const fs::path mask_path = folder_.MaskPath(pair.index());
    const auto image = FetchFile(pair.image(), pair.image_data(), image_path);
    if (!image.ok()) return image.status();
    const auto mask = FetchFile(pair.mask(), pair.mask_data(), mask_path);
    if (!mask.ok()) return mask.status();
    const auto made = DicomOfPair(as_made_, pair, content_, *image, *mask, labels_);
    if (!made.ok()) return made.status();
    absl::Status saved = SaveMade(made->image, image_path, entry.image_file_sha256);
    return saved.ok() ? SaveMade(made->mask, mask_path, entry.mask_file_sha256) : saved;
  }

  // Only where there is something new to say: a COCO index takes a look at every mask.
  absl::Status WriteIndex(const fs::path& dir) {
    std::error_code error;
    const bool changed = summary_.pulled > 0 || summary_.repaired > 0;
    if (!changed && fs::exists(dir / IndexName(format_), error)) return absl::OkStatus();
    return WritePairIndex(format_, content_, dir, folder_.pairs(), labels_);
  }

  absl::Status SaveBlob(const std::string& sha256, const fs::path& path) {
    auto output = OutputFile::Open(path.string(), session_.console.out);
    if (!output.ok()) return output.status();
    absl::Status saved = stubs_.blobs->Download(
        sha256, [&](std::string_view piece) { return output->Append(piece); });
    return saved.ok() ? output->Finish() : saved;
  }

  // Writes a pair's files. `entry` gets the digests of those that are others than the job's.
  absl::Status SaveFiles(const v1::Pair& pair, PairFolder::Entry& entry) {
    if (format_ == PairFormat::kDicom) return SaveDicom(pair, entry);
    const fs::path mask_path = folder_.MaskPath(pair.index());
    absl::Status saved = SaveFile(pair.image(), pair.image_data(), folder_.ImagePath(pair.index()));
    if (!saved.ok()) return saved;
    return HoldsClasses(format_) ? SaveClasses(pair, mask_path, entry.mask_file_sha256)
                                 : SaveFile(pair.mask(), pair.mask_data(), mask_path);
  }

  absl::Status Add(const v1::Pair& pair) {
    if (pair.index() <= folder_.last_pair()) {
      return absl::DataLossError(absl::StrCat("the server sent pair ", pair.index(), " after pair ",
                                              folder_.last_pair(), ": report this as a bug"));
    }
    PairFolder::Entry entry{.pair = pair.index(),
                            .image_sha256 = pair.image().sha256(),
                            .mask_sha256 = pair.mask().sha256()};
    absl::Status saved = SaveFiles(pair, entry);
    if (!saved.ok()) return saved;
    ++summary_.pulled;
    return folder_.Append(entry, pair.record_json());
  }

  // Reads pairs after `after` until the stream ends or `take` wants no more.
  absl::Status Stream(int after, const std::function<absl::StatusOr<bool>(const v1::Pair&)>& take) {
    grpc::ClientContext context;
    SetDeadline(context, kStreamDeadline);
    v1::StreamPairsRequest request;
    request.set_name(job_);
    request.set_after_index(after);
    request.set_form(form_);
    auto stream = stubs_.jobs->StreamPairs(&context, request);
    v1::Pair pair;
    while (stream->Read(&pair)) {
      patience_.Answered();
      const absl::StatusOr<bool> more = take(pair);
      if (more.ok() && *more) continue;
      context.TryCancel();
      stream->Finish();
      return more.status();
    }
    return FromGrpcStatus(stream->Finish());
  }

  // The pair again, which must be what it was.
  absl::Status Repair(const PairFolder::Entry& entry) {
    bool arrived = false;
    absl::Status status = Stream(entry.pair - 1, [&](const v1::Pair& pair) -> absl::StatusOr<bool> {
      const absl::Status differs =
          absl::DataLossError(absl::StrCat("pair ", entry.pair, " of ", job_,
                                           " is not what the manifest says: pull into a new "
                                           "folder"));
      if (pair.index() != entry.pair || pair.image().sha256() != entry.image_sha256 ||
          pair.mask().sha256() != entry.mask_sha256) {
        return differs;
      }
      arrived = true;
      PairFolder::Entry written = entry;
      absl::Status saved = SaveFiles(pair, written);
      if (!saved.ok()) return saved;
      // Another release may write other bytes of the same pixels.
      if (written.image_file_sha256 != entry.image_file_sha256 ||
          written.mask_file_sha256 != entry.mask_file_sha256) {
        return differs;
      }
      return false;
    });
    if (status.ok() && !arrived) {
      return absl::NotFoundError(absl::StrCat(job_, " has no pair ", entry.pair, " any more"));
    }
    return status;
  }

  // Whether all pairs that the job will ever hand out are there.
  bool Complete(const v1::Job& job) const {
    return job.pairs_ready() + job.pairs_left_out() == job.spec().pairs() &&
           folder_.size() == job.pairs_ready();
  }

  // Pulls until the folder is complete. `job` is as of the last look.
  absl::Status PullRest(v1::Job& job) {
    while (!Complete(job)) {
      absl::Status status =
          Stream(folder_.last_pair(), [&](const v1::Pair& pair) -> absl::StatusOr<bool> {
            absl::Status added = Add(pair);
            if (!added.ok()) return added;
            const int wanted = job.spec().pairs() - job.pairs_left_out();
            counter_.Show(absl::StrCat("pulled ", folder_.size(), "/", wanted),
                          folder_.size() == wanted);
            return true;
          });
      // There will be no more of them.
      if (absl::IsFailedPrecondition(status)) {
        return absl::AbortedError(
            absl::StrCat(folder_.size(), " of ", job.spec().pairs(),
                         " pairs were pulled: ", std::string(status.message())));
      }
      const bool ended = status.ok();
      // No pair for a minute is no failure; a server that is gone shows here.
      if (ended || absl::IsDeadlineExceeded(status)) status = GetJob(job);
      if (!status.ok()) return status;
      patience_.Answered();
      if (ended && !Complete(job)) {
        return absl::DataLossError(
            absl::StrCat("the server ended after pair ", folder_.last_pair(), "; ", folder_.size(),
                         " of ", job.pairs_ready(),
                         " pairs are in the folder: pull into a new one, and if that does not "
                         "help, report this as a bug"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status SaveReport(const fs::path& dir) {
    auto report = FetchReport(*stubs_.jobs, job_);
    if (!report.ok()) return report.status();
    if (!report->has_value()) return absl::OkStatus();
    for (const v1::Artifact& artifact : (*report)->artifacts()) {
      if (artifact.name() != "contact-sheet.png") continue;
      absl::Status saved = SaveBlob(artifact.blob().sha256(), dir / "contact-sheet.png");
      if (!saved.ok()) return saved;
    }
    summary_.report = true;
    return WriteInFolder(dir / "figures.json", ReportJson(**report)["figures"].dump(2, ' ') + "\n");
  }

  Session& session_;
  Stubs& stubs_;
  const std::string job_;
  const v1::PairForm form_;
  const PairFormat format_;
  const PairContent content_;
  v1::Job as_made_;    // the job: what does not change
  LabelTable labels_;  // of another format than kFolder
  PairFolder folder_;
  Patience patience_;
  Counter counter_;
  PullSummary summary_;
};

// The job, once the server answers.
absl::StatusOr<v1::Job> AskForJob(Session& session, Stubs& stubs, const std::string& job,
                                  absl::Duration timeout) {
  Patience patience(
      timeout, [&session](const std::string& line) { session.console.err << line << std::endl; });
  v1::GetJobRequest request;
  request.set_name(job);
  while (true) {
    auto known = Call(*stubs.jobs, &v1::Jobs::StubInterface::GetJob, request);
    if (known.ok()) return known;
    absl::Status go_on = patience.AfterFailure(known.status());
    if (!go_on.ok()) return go_on;
  }
}

}  // namespace

absl::StatusOr<PullSummary> PullPairs(Session& session, Stubs& stubs, const std::string& job,
                                      v1::PairForm form, PairFormat format, const fs::path& folder,
                                      absl::Duration timeout) {
  // Asked first, so that a mistyped name leaves no folder behind.
  const auto known = AskForJob(session, stubs, job, timeout);
  if (!known.ok()) return known.status();
  if (known->spec().kind() == v1::JOB_KIND_FIT) {
    return absl::FailedPreconditionError(
        absl::StrCat(job, " makes a model and no pairs; `afctl job get ", job,
                     "` names the model, and `afctl generate` makes pairs with it"));
  }
  const PairContent content =
      DimsOfPreset(known->spec().preset()) == 3 ? PairContent::kVolumes : PairContent::kPictures;
  absl::Status fits = CheckContent(format, content);
  if (!fits.ok()) return fits;
  auto pairs = PairFolder::Open(folder, job, form == v1::PAIR_FORM_VIEW ? "view" : "references",
                                format, content);
  if (!pairs.ok()) return pairs.status();
  return Puller(session, stubs, job, form, format, content, *std::move(pairs), timeout)
      .Pull(folder);
}

}  // namespace alignflow
