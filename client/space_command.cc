#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/text_table.h"

namespace alignflow {
namespace {

constexpr int kUsesOnATerminal = 20;

struct SpaceArguments {
  std::optional<int> limit;  // 0: all
  double timeout_s = kDefaultTimeoutSeconds;
};

// Page after page of one look; the answer has all uses, or the first `limit`.
absl::StatusOr<v1::ListSpaceUsesResponse> AskForSpace(v1::Server::StubInterface& stub, int limit,
                                                      absl::Duration deadline) {
  constexpr int kPage = 1000;
  v1::ListSpaceUsesRequest request;
  request.set_page_size(limit == 0 ? kPage : std::min(limit, kPage));
  auto all = Call(stub, &v1::Server::StubInterface::ListSpaceUses, request, deadline);
  if (!all.ok()) return all;
  while (!all->next_page_token().empty() && (limit == 0 || all->uses_size() < limit)) {
    if (all->next_page_token() == request.page_token()) {
      return absl::DataLossError("the server repeats a page of its list: report this as a bug");
    }
    request.set_page_token(all->next_page_token());
    auto page = Call(stub, &v1::Server::StubInterface::ListSpaceUses, request);
    if (!page.ok()) return page;
    all->mutable_uses()->MergeFrom(page->uses());
    all->set_next_page_token(page->next_page_token());
  }
  if (limit > 0 && all->uses_size() > limit) {
    all->mutable_uses()->DeleteSubrange(limit, all->uses_size() - limit);
  }
  return all;
}

std::string OwnerText(const v1::SpaceUse& use) {
  switch (use.owner()) {
    case v1::SPACE_OWNER_DATASET:
      return absl::StrCat("dataset ", absl::StripPrefix(use.name(), "datasets/"));
    case v1::SPACE_OWNER_PREPARED:
      return use.name().empty()
                 ? "prepared from deleted datasets"
                 : absl::StrCat("prepared from ", absl::StripPrefix(use.name(), "datasets/"));
    case v1::SPACE_OWNER_JOB:
      return absl::StrCat("job ", absl::StripPrefix(use.name(), "jobs/"));
    case v1::SPACE_OWNER_NOBODY:
      return "leftovers";
    default:
      return use.name();
  }
}

std::string PartsText(const v1::SpaceUse& use) {
  if (use.owner() == v1::SPACE_OWNER_PREPARED) return "";
  return absl::StrJoin(use.parts(), ", ", [](std::string* text, const v1::SpacePart& part) {
    absl::StrAppend(text, part.name(), " ", BytesText(part.bytes()), " in ", part.blobs());
  });
}

std::string TotalsText(const v1::ListSpaceUsesResponse& space) {
  return absl::StrCat("in all ", BytesText(space.bytes()), " in ", space.blobs(),
                      " files, each counted once; ", BytesText(space.shared_bytes()), " of it in ",
                      space.shared_blobs(), " files that several have\n", "the catalog has ",
                      BytesText(space.catalog_bytes()), "; the disk has ",
                      BytesText(space.free_disk_bytes()), " left, and no work is taken below ",
                      BytesText(space.disk_reserve_bytes()), "\n");
}

absl::StatusOr<Result> ShowSpace(Session& session, const SpaceArguments& arguments) {
  // A program gets all; a person the largest, unless asked for more.
  const bool person = session.console.out_width > 0 && !session.json;
  const int limit = arguments.limit.value_or(person ? kUsesOnATerminal : 0);
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto space = AskForSpace(*stubs->server, limit, absl::Seconds(arguments.timeout_s));
  if (!space.ok()) return space.status();
  const bool more = !space->next_page_token().empty() || space->uses_size() == limit;
  Result result{.document = ToJson(*space), .text = {}};
  result.document.erase("next_page_token");
  std::vector<std::vector<std::string>> rows = {
      {"WHAT", "OWN BYTES", "FILES", "SHARED BYTES", "FILES", "PARTS"}};
  for (const v1::SpaceUse& use : space->uses()) {
    rows.push_back({OwnerText(use), BytesText(use.bytes()), absl::StrCat(use.blobs()),
                    BytesText(use.shared_bytes()), absl::StrCat(use.shared_blobs()),
                    PartsText(use)});
  }
  result.text = absl::StrCat(TableText(rows, {1, 2, 3, 4}), TotalsText(*space));
  if (person && !arguments.limit && more) {
    session.console.err << "note: the " << limit << " largest; --limit N shows more, --limit 0 "
                        << "all\n";
  }
  return result;
}

}  // namespace

void AddSpaceCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "space",
      "show what takes the coordinator's space: datasets, jobs, prepared sets and leftovers, the "
      "largest first");
  auto arguments = std::make_shared<SpaceArguments>();
  command
      ->add_option("--limit", arguments->limit,
                   "how many at most, 0 for all; otherwise 20 on a terminal, and all in a file or "
                   "with --json")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  AddTimeoutOption(*command, arguments->timeout_s);
  command->footer(
      "OWN BYTES are free again once what is named goes; SHARED BYTES are of files that others in "
      "the\nlist have as well. Leftovers are of uploads and tasks under way, or go by themselves "
      "(--blob-grace\nof the coordinator).");
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return ShowSpace(session, *arguments); };
  });
}

}  // namespace alignflow
