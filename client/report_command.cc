#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/output_file.h"
#include "client/report_data.h"
#include "client/report_page.h"
#include "client/text_table.h"

namespace alignflow {
namespace {

struct ReportArguments {
  std::string job;
  std::string file = "report.html";
};

absl::StatusOr<Result> Report(Session& session, const ReportArguments& arguments) {
  auto job = ResourceName("jobs", arguments.job);
  if (!job.ok()) return job.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto data = FetchReportData(*stubs, *job);
  if (!data.ok()) return data.status();
  const std::string page = ReportPage(*data);
  auto output = OpenOutput(session, arguments.file);
  if (!output.ok()) return output.status();
  absl::Status written = output->Append(page);
  if (written.ok()) written = output->Finish();
  if (!written.ok()) return written;
  return WroteOutput(
      session, arguments.file, {{"job", *job}, {"file", arguments.file}, {"bytes", page.size()}},
      absl::StrCat(arguments.file, ", ", BytesText(static_cast<int64_t>(page.size())),
                   ": open it in a browser; it needs no network\n"));
}

}  // namespace

void AddReportCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "report", "write a finished job's report as one HTML file: verdicts, samples, figures");
  auto arguments = std::make_shared<ReportArguments>();
  command->add_option("job", arguments->job, "as `align` and `job list` print it")->required();
  command
      ->add_option("-o,--output", arguments->file,
                   "the file to write, replaced if it is there; - for stdout")
      ->type_name("FILE.html")
      ->capture_default_str();
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Report(session, *arguments); };
  });
}

}  // namespace alignflow
