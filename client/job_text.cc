#include "client/job_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/call.h"
#include "client/console.h"
#include "client/mix_text.h"
#include "client/progress_view.h"
#include "client/text_table.h"
#include "client/timestamps.h"

namespace alignflow {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// The index of `text` in `list`, where it is appended if need be.
size_t IndexIn(std::vector<std::string>& list, const std::string& text) {
  const auto found = std::find(list.begin(), list.end(), text);
  if (found != list.end()) return found - list.begin();
  list.push_back(text);
  return list.size() - 1;
}

// Left to right as on the contact sheet.
constexpr std::array<std::string_view, 7> kImageSubjects = {
    "source", "references", "stage 1", "stage 2", "recoloured", "pairs", "target"};

// The note of a figure that has no value for want of a file with weights, around the file's name.
constexpr char kBeforeFile[] = "not available: no ";
constexpr char kAfterFile[] = " in the worker's models folder";

bool LacksWeights(const v1::Figure& figure) {
  return !figure.has_value() && absl::StartsWith(figure.note(), kBeforeFile) &&
         absl::EndsWith(figure.note(), kAfterFile);
}

// One line for all of them.
std::string LackingText(const std::vector<v1::Figure>& figures) {
  std::vector<std::string> names, files;
  for (const v1::Figure& figure : figures) {
    IndexIn(names, figure.name());
    IndexIn(files, std::string(absl::StripSuffix(absl::StripPrefix(figure.note(), kBeforeFile),
                                                 kAfterFile)));
  }
  return absl::StrCat("Not available, because the worker's --models-dir has no ",
                      absl::StrJoin(files, " and no "), ": ", absl::StrJoin(names, ", "));
}

// Parts in lines of at most `width` columns (0: one line), `indent` before all but the first.
std::string Wrapped(const std::vector<std::string>& parts, std::string_view separator,
                    std::string_view indent, int width) {
  std::string text;
  size_t begin = 0;  // of the line
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string part =
        absl::StrCat(Printable(parts[i]), i + 1 < parts.size() ? std::string(separator) : "");
    if (width > 0 && text.size() > begin &&
        text.size() - begin + part.size() > static_cast<size_t>(width)) {
      while (text.ends_with(' ')) text.pop_back();
      text += '\n';
      begin = text.size();
      text += indent;
    }
    text += part;
  }
  return text + "\n";
}

std::string WrappedWords(const std::string& text, int width) {
  return Wrapped(absl::StrSplit(text, ' '), " ", "  ", width);
}

bool IsWider(const std::string& table, int width) {
  if (width == 0) return false;
  const std::vector<std::string> lines = absl::StrSplit(table, '\n');
  return std::ranges::any_of(
      lines, [width](const auto& line) { return line.size() > static_cast<size_t>(width); });
}

// A table's rows below its head, each as lines of its own.
std::string Stacked(const Rows& rows, int width) {
  std::string text;
  for (size_t i = 1; i < rows.size(); ++i) {
    const std::string& better = rows[i].back();
    text += WrappedWords(absl::StrCat(rows[i].front(), better.empty() ? "" : " (", better,
                                      better.empty() ? "" : ")"),
                         width);
    std::vector<std::string> cells;
    for (size_t c = 1; c + 1 < rows[i].size(); ++c) {
      if (rows[i][c].empty()) continue;
      cells.push_back(absl::StrCat(cells.empty() ? "  " : "", rows[0][c], ": ", rows[i][c]));
    }
    text += Wrapped(cells, "   ", "  ", width);
  }
  return text;
}

std::string FigureTable(const std::vector<v1::Figure>& figures, int width) {
  std::vector<std::string> names, subjects;
  // A subject without any figure gets no column.
  for (const std::string_view known : kImageSubjects) {
    if (std::ranges::any_of(figures,
                            [&](const auto& figure) { return figure.subject() == known; })) {
      subjects.emplace_back(known);
    }
  }
  for (const v1::Figure& figure : figures) {
    IndexIn(names, figure.name());
    IndexIn(subjects, figure.subject());
  }
  Rows rows(names.size() + 1, std::vector<std::string>(subjects.size() + 2));
  rows[0][0] = "FIGURE";
  std::vector<size_t> right;
  for (size_t i = 0; i < subjects.size(); ++i) {
    rows[0][i + 1] = subjects[i];
    right.push_back(i + 1);
  }
  for (const v1::Figure& figure : figures) {
    std::vector<std::string>& row = rows[IndexIn(names, figure.name()) + 1];
    row.front() = figure.name();
    // Some names say their unit.
    if (!absl::StrContains(figure.name(), figure.unit())) {
      absl::StrAppend(&row.front(), ", ", figure.unit());
    }
    row[IndexIn(subjects, figure.subject()) + 1] = FigureCell(figure);
    if (!figure.better().empty()) row.back() = absl::StrCat(figure.better(), " is better");
  }
  const std::string table = TableText(rows, right);
  return IsWider(table, width) ? Stacked(rows, width) : table;
}

// How leases ended but for successes: what went wrong, and how often.
std::string LeaseEndsText(const v1::Job& job) {
  Rows rows = {{"STAGE", "LEASES", "ENDED", "LAST"}};
  for (const v1::Stage& stage : job.stages()) {
    for (const v1::LeaseEnds& ends : stage.lease_ends()) {
      if (ends.outcome() == "succeeded" || ends.outcome() == "cancelled") continue;
      rows.push_back({stage.id(), absl::StrCat(ends.count()), ends.outcome(),
                      absl::StrCat(LocalTimeText(ends.time()), ends.message().empty() ? "" : ": ",
                                   ends.message())});
    }
  }
  return rows.size() == 1 ? "" : TableText(rows, {1});
}

// A dataset and the start of its version's digest.
std::string VersionText(const std::string& name, const v1::DatasetVersion& version) {
  constexpr size_t kDigits = 12;
  if (version.digest().empty()) return name;
  return absl::StrCat(name, ", version ", version.digest().substr(0, kDigits));
}

}  // namespace

std::string PairsText(const v1::Job& job) {
  std::string text = absl::StrCat(job.pairs_ready(), " of ", job.spec().pairs(), " ready");
  if (job.pairs_left_out() > 0) {
    absl::StrAppend(&text, ", ", job.pairs_left_out(), " left out by the gates");
  }
  return text;
}

std::string JobText(const v1::Job& job, absl::Time now) {
  const v1::AlignSpec& spec = job.spec();
  std::string state = StateWord(job.state());
  if (!job.waiting_reason().empty()) absl::StrAppend(&state, ": ", job.waiting_reason());
  Rows rows = {{job.name(), state},
               {"created", LocalTimeText(job.create_time())},
               {"source", VersionText(spec.source(), job.source_version())}};
  if (!spec.model().empty()) rows.push_back({"begins with", spec.model()});
  if (!spec.masks().empty()) rows.push_back({"masks of", spec.masks()});
  if (spec.kind() == v1::JOB_KIND_FIT) {
    rows.push_back({"makes", "a model of stage 1, and no pairs"});
  } else {
    rows.push_back({"references", absl::StrCat(spec.references_size())});
    rows.push_back({"pairs", PairsText(job)});
  }
  rows.push_back({"preset", spec.preset()});
  if (std::string mix = MixText(spec); !mix.empty()) rows.push_back({"made of", std::move(mix)});
  if (!spec.target().empty()) {
    rows.push_back({"target", VersionText(spec.target(), job.target_version())});
  }
  if (!job.display_name().empty()) rows.push_back({"called", job.display_name()});
  for (const auto& [name, value] :
       std::map<std::string, std::string>(job.labels().begin(), job.labels().end())) {
    rows.push_back({"label", absl::StrCat(name, "=", value)});
  }
  if (job.priority() != 0) rows.push_back({"priority", absl::StrCat(job.priority())});
  if (job.has_start_time()) {
    const absl::Time end = job.has_end_time() ? ToAbslTime(job.end_time()) : now;
    rows.push_back({"time", DurationText(end - ToAbslTime(job.start_time()))});
  }
  if (!job.stage1_model().empty()) rows.push_back({"stage-1 model", job.stage1_model()});
  if (!job.stage2_model().empty()) rows.push_back({"stage-2 model", job.stage2_model()});
  for (const std::string& warning : job.warnings()) rows.push_back({"warning", warning});
  if (!job.error().empty()) rows.push_back({"error", job.error()});

  Rows stages = {{"STAGE", "STATE", "TASKS", "TIME", ""}};
  for (const v1::Stage& stage : job.stages()) {
    const bool reused = stage.state() == v1::STAGE_STATE_REUSED;
    stages.push_back({stage.id(), StateWord(stage.state()),
                      absl::StrCat(stage.tasks_done(), "/", stage.tasks_total()),
                      reused || !stage.has_start_time() ? "-" : DurationText(StageTime(stage, now)),
                      StageDetails(stage)});
  }
  std::string text = absl::StrCat(TableText(rows), "\n", TableText(stages, {2, 3}));
  const std::string ends = LeaseEndsText(job);
  return ends.empty() ? text : absl::StrCat(text, "\n", ends);
}

std::string VerdictsText(const v1::Report& report) {
  Rows rows;
  for (const v1::Verdict& verdict : report.verdicts()) {
    rows.push_back({absl::StrCat(verdict.name(), ":"), verdict.verdict(), verdict.reason()});
  }
  return TableText(rows);
}

std::string FigureCell(const v1::Figure& figure) {
  if (!figure.has_value()) return "not available";
  std::string text = absl::StrFormat("%.4g", figure.value());
  if (figure.has_low() && figure.has_high()) {
    absl::StrAppendFormat(&text, " [%.3g, %.3g]", figure.low(), figure.high());
  }
  return text;
}

std::string FiguresText(const v1::Report& report, int width) {
  std::vector<v1::Figure> of_images, of_models, lacking;
  std::map<std::string, std::vector<std::string>> names;  // of the figures with a note
  for (const v1::Figure& figure : report.figures()) {
    if (LacksWeights(figure)) {
      lacking.push_back(figure);
      continue;
    }
    const bool image = std::ranges::find(kImageSubjects, figure.subject()) != kImageSubjects.end();
    (image ? of_images : of_models).push_back(figure);
    if (!figure.note().empty()) IndexIn(names[figure.note()], figure.name());
  }
  std::string text = of_images.empty() ? "" : FigureTable(of_images, width);
  // Of segmentation models: another table, because they have other columns.
  if (!of_models.empty()) absl::StrAppend(&text, "\n", FigureTable(of_models, width));
  if (!names.empty() || !lacking.empty()) absl::StrAppend(&text, "\n");
  if (!lacking.empty()) absl::StrAppend(&text, WrappedWords(LackingText(lacking), width));
  for (const auto& [note, of] : names) {
    absl::StrAppend(&text, WrappedWords(absl::StrCat(absl::StrJoin(of, ", "), ": ", note), width));
  }
  return text;
}

Json ReportJson(const v1::Report& report) {
  Json document = ToJson(report);
  for (Json& figure : document["figures"]) {
    if (!figure.contains("value")) figure["value"] = nullptr;
  }
  return document;
}

absl::StatusOr<std::optional<v1::Report>> FetchReport(v1::Jobs::StubInterface& jobs,
                                                      const std::string& name) {
  v1::GetReportRequest request;
  request.set_name(name);
  auto report = Call(jobs, &v1::Jobs::StubInterface::GetReport, request);
  if (absl::IsFailedPrecondition(report.status())) return std::nullopt;
  if (!report.ok()) return report.status();
  return *std::move(report);
}

absl::StatusOr<Result> JobResult(v1::Jobs::StubInterface& jobs, const v1::Job& job, int width) {
  auto fetched = FetchReport(jobs, job.name());
  if (!fetched.ok() && !absl::IsDataLoss(fetched.status())) return fetched.status();
  const std::optional<v1::Report> report = fetched.ok() ? *std::move(fetched) : std::nullopt;
  Result result{.document = ToJson(job), .text = JobText(job, absl::Now())};
  result.document["report"] = report ? ReportJson(*report) : Json();
  if (!fetched.ok()) {
    const std::string why(fetched.status().message());
    result.document["report_error"] = why;
    absl::StrAppend(&result.text, "\nThe figures can't be shown: ", why, "\n");
  }
  if (report && report->verdicts_size() > 0) {
    result.text = absl::StrCat(VerdictsText(*report), "\n", result.text);
  }
  if (report && report->figures_size() > 0) {
    absl::StrAppend(&result.text, "\n", FiguresText(*report, width));
  }
  return result;
}

}  // namespace alignflow
