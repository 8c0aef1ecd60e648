#include <CLI/CLI.hpp>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/audit_file.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/output_file.h"
#include "client/text_table.h"
#include "client/timestamps.h"
#include "common/age.h"
#include "common/audit_chain.h"

namespace alignflow {
namespace {

constexpr int kAuditPage = 1000;
constexpr char kSinceDefault[] = "1d";

AuditRecord FromProto(const v1::AuditRecord& record) {
  return {.sequence = record.sequence(),
          .time = ToAbslTime(record.time()),
          .tenant = record.tenant(),
          .key_id = record.key_id(),
          .peer = record.peer(),
          .method = record.method(),
          .resource = record.resource(),
          .outcome = record.outcome(),
          .count = record.count(),
          .hash = record.hash()};
}

// What the coordinator says beside its records.
struct AuditEnd {
  int64_t last = 0;
  std::string hash;
  bool sealed = false;
};

// Hands over the records since then, page after page, each held to the chain: `start` once, then
// `record` for each. DataLoss, naming the record, where the chain is broken.
absl::StatusOr<AuditEnd> VisitRecords(
    Session& session, absl::Duration since,
    const std::function<absl::Status(int64_t, const std::string&)>& start,
    const std::function<absl::Status(const AuditRecord&)>& record) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::ListAuditRecordsRequest request;
  request.set_page_size(kAuditPage);
  if (since != absl::InfiniteDuration()) {
    const absl::Time time = absl::Now() - since;
    request.mutable_since()->set_seconds(absl::ToUnixSeconds(time));
  }
  std::unique_ptr<AuditVerifier> verifier;
  for (;;) {
    const auto page = Call(*stubs->admin, &v1::Admin::StubInterface::ListAuditRecords, request);
    if (!page.ok()) return page.status();
    if (verifier == nullptr) {
      const int64_t first =
          page->records().empty() ? page->last_sequence() + 1 : page->records(0).sequence();
      verifier = std::make_unique<AuditVerifier>(first, page->previous_hash());
      absl::Status status = start(first, page->previous_hash());
      if (!status.ok()) return status;
    }
    for (const v1::AuditRecord& sent : page->records()) {
      const AuditRecord read = FromProto(sent);
      absl::Status status = verifier->Add(read);
      if (status.ok()) status = record(read);
      if (!status.ok()) return status;
    }
    if (page->next_page_token().empty()) {
      absl::Status status = verifier->Finish(page->last_sequence(), page->last_hash());
      if (!status.ok()) return status;
      return AuditEnd{
          .last = page->last_sequence(), .hash = page->last_hash(), .sealed = page->sealed()};
    }
    if (page->next_page_token() == request.page_token()) {
      return absl::DataLossError("the server repeats a page of its list: report this as a bug");
    }
    request.set_page_token(page->next_page_token());
  }
}

absl::Status NotSealed() {
  return absl::DataLossError(
      "the records hold together, but their end is not the one that the coordinator has sealed: "
      "somebody with access to its state folder has cut it off or written the records anew");
}

const auto kNoStart = [](int64_t, const std::string&) { return absl::OkStatus(); };

absl::StatusOr<Result> ListAudit(Session& session, absl::Duration since) {
  Result result{.document = {{"records", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {
      {"RECORD", "TIME", "TENANT", "KEY", "FROM", "WHAT", "ABOUT", "OUTCOME", "CALLS"}};
  const auto end = VisitRecords(session, since, kNoStart, [&](const AuditRecord& record) {
    result.document["records"].push_back(Json::parse(AuditLine(record)));
    rows.push_back({absl::StrCat(record.sequence),
                    absl::FormatTime("%Y-%m-%d %H:%M:%S", record.time, absl::LocalTimeZone()),
                    record.tenant, record.key_id, record.peer,
                    std::string(absl::StripPrefix(record.method, "/alignflow.v1.")),
                    record.resource, record.outcome, absl::StrCat(record.count)});
    return absl::OkStatus();
  });
  if (!end.ok()) return end.status();
  result.text = TableText(rows, {0, 8});
  return result;
}

absl::StatusOr<Result> ExportAudit(Session& session, const std::string& name,
                                   absl::Duration since) {
  auto file = OpenOutput(session, name);
  if (!file.ok()) return file.status();
  int64_t count = 0;
  auto end = VisitRecords(
      session, since,
      [&](int64_t first, const std::string& previous) {
        return file->Append(AuditStartLine(first, previous));
      },
      [&](const AuditRecord& record) {
        ++count;
        return file->Append(AuditLine(record));
      });
  if (!end.ok()) return end.status();
  if (!end->sealed) return NotSealed();
  absl::Status status = file->Append(AuditEndLine(end->last, end->hash));
  if (status.ok()) status = file->Finish();
  if (!status.ok()) return status;
  return WroteOutput(session, name, {{"file", name}, {"records", count}, {"last_hash", end->hash}},
                     absl::StrCat(count, " audit records in ", name, "\n"));
}

Result Verified(int64_t first, int64_t last, const std::string& hash) {
  const int64_t count = last - first + 1;
  return {.document = {{"records", count}, {"last_sequence", last}, {"last_hash", hash}},
          .text = absl::StrCat(count, " audit records are as they were written; the last is ", last,
                               " with the hash ", hash, "\n")};
}

absl::StatusOr<Result> VerifyAudit(Session& session, const std::string& file) {
  if (!file.empty()) {
    std::ifstream in(file);
    if (!in) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ": can't be read; give a file that `afctl audit export` wrote"));
    }
    const auto span = VerifyAuditLines(in);
    if (!span.ok()) return Annotate(span.status(), file);
    return Verified(span->first, span->last, span->last_hash);
  }
  int64_t first = 1;
  const auto end = VisitRecords(
      session, absl::InfiniteDuration(),
      [&](int64_t at, const std::string&) {
        first = at;
        return absl::OkStatus();
      },
      [](const AuditRecord&) { return absl::OkStatus(); });
  if (!end.ok()) return end.status();
  if (!end->sealed) return NotSealed();
  return Verified(first, end->last, end->hash);
}

}  // namespace

void AddAuditCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("audit", "who did what (for admins)");
  group->require_subcommand(1);
  auto since = std::make_shared<std::string>(kSinceDefault);
  auto file = std::make_shared<std::string>();
  const auto add_since = [&](CLI::App* command) {
    command
        ->add_option("--since", *since,
                     "how old the oldest may be, such as 90d or 12h (a plain number is days); "
                     "never: all that are kept")
        ->type_name("AGE")
        ->check(
            [](const std::string& text) { return std::string(ParseAge(text).status().message()); });
  };
  CLI::App* list = group->add_subcommand("list", "show the records of the last day, or longer");
  add_since(list);
  list->callback([&chosen, since] {
    chosen = [since](Session& session) { return ListAudit(session, ParseAge(*since).value()); };
  });
  CLI::App* write = group->add_subcommand(
      "export", "write all records, or the last ones, as JSON lines that `audit verify` reads");
  write->add_option("file", *file, "file to write; - is stdout")->type_name("FILE")->required();
  add_since(write);
  write->callback([&chosen, since, file, write] {
    const bool all = write->count("--since") == 0;
    chosen = [since, file, all](Session& session) {
      return ExportAudit(session, *file, all ? absl::InfiniteDuration() : ParseAge(*since).value());
    };
  });
  CLI::App* verify = group->add_subcommand(
      "verify", "find records that were changed, removed or moved: the coordinator's, or a file's");
  verify->add_option("file", *file, "as `audit export` wrote it; without it, the coordinator's")
      ->type_name("FILE");
  verify->callback([&chosen, file] {
    chosen = [file](Session& session) { return VerifyAudit(session, *file); };
  });
}

}  // namespace alignflow
