#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/job_text.h"
#include "client/output_file.h"
#include "client/report_data.h"
#include "client/report_page.h"
#include "client/text_table.h"

namespace alignflow {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;

struct ReportArguments {
  std::string job;
  std::string file;      // empty: report.html, or the artifact's own name
  std::string artifact;  // one file of the report instead of the page; empty: the page
};

// One of the files that belong to the report, as it is.
absl::StatusOr<std::string> FetchArtifact(Stubs& stubs, const std::string& job,
                                          const std::string& name) {
  auto report = FetchReport(*stubs.jobs, job);
  if (!report.ok()) return report.status();
  if (!report->has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(job, " has no figures, so it has no files of them"));
  }
  std::vector<std::string> names;
  for (const v1::Artifact& artifact : (*report)->artifacts()) {
    if (artifact.name() == name) {
      return stubs.blobs->DownloadBytes(artifact.blob().sha256(), kMaxFileBytes);
    }
    names.push_back(artifact.name());
  }
  return absl::NotFoundError(
      absl::StrCat("--file: ", job, " has no ", name, "; it has ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::string> Contents(Stubs& stubs, const std::string& job,
                                     const std::string& artifact) {
  if (!artifact.empty()) return FetchArtifact(stubs, job, artifact);
  auto data = FetchReportData(stubs, job);
  if (!data.ok()) return data.status();
  return ReportPage(*data);
}

absl::StatusOr<Result> Report(Session& session, const ReportArguments& arguments) {
  auto job = ResourceName("jobs", arguments.job);
  if (!job.ok()) return job.status();
  std::string file = arguments.file;
  if (file.empty()) file = arguments.artifact.empty() ? "report.html" : arguments.artifact;
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto contents = Contents(*stubs, *job, arguments.artifact);
  if (!contents.ok()) return contents.status();
  auto output = OpenOutput(session, file);
  if (!output.ok()) return output.status();
  absl::Status written = output->Append(*contents);
  if (written.ok()) written = output->Finish();
  if (!written.ok()) return written;
  return WroteOutput(
      session, file, {{"job", *job}, {"file", file}, {"bytes", contents->size()}},
      absl::StrCat(
          file, ", ", BytesText(static_cast<int64_t>(contents->size())),
          arguments.artifact.empty() ? ": open it in a browser; it needs no network\n" : "\n"));
}

}  // namespace

void AddReportCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "report", "write a finished job's report as one HTML file: verdicts, samples, figures");
  auto arguments = std::make_shared<ReportArguments>();
  command->add_option("job", arguments->job, "as `align` and `job list` print it")->required();
  command
      ->add_option("--file", arguments->artifact,
                   "one file that belongs to it instead of the page, such as scores.json (of the "
                   "segmentation models, by run and image) or contact-sheet.png")
      ->type_name("NAME");
  command
      ->add_option("-o,--output", arguments->file,
                   "the file to write, replaced if it is there; - for stdout; report.html or, with "
                   "--file, NAME if it is not given")
      ->type_name("FILE");
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Report(session, *arguments); };
  });
}

}  // namespace alignflow
