#include "client/audit_file.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "client/message_json.h"
#include "common/digest.h"

namespace alignflow {
namespace {

constexpr char kTimeForm[] = "%Y-%m-%dT%H:%M:%E6SZ";

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What the line says, if it is written as we write it: nothing may stand in it that no hash covers.
template <typename Value, typename Read, typename Write>
std::optional<Value> Parse(const std::string& line, Read read, Write write) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    Value value = read(json);
    if (write(value) != line + "\n") return std::nullopt;
    return value;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::optional<AuditRecord> ParseRecord(const std::string& line) {
  return Parse<AuditRecord>(
      line,
      [](const Json& json) {
        AuditRecord record;
        record.sequence = json.at("sequence").get<int64_t>();
        std::string error;
        if (!absl::ParseTime(kTimeForm, json.at("time").get<std::string>(), &record.time, &error)) {
          record.time = absl::InfinitePast();  // which is written as no time that can be read
        }
        for (const auto& [name, field] :
             {std::pair("tenant", &record.tenant), std::pair("key_id", &record.key_id),
              std::pair("peer", &record.peer), std::pair("method", &record.method),
              std::pair("resource", &record.resource), std::pair("outcome", &record.outcome),
              std::pair("hash", &record.hash)}) {
          *field = json.at(name).get<std::string>();
        }
        record.count = json.at("count").get<int64_t>();
        return record;
      },
      AuditLine);
}

struct Mark {
  int64_t sequence = 0;
  std::string hash;
};

std::optional<Mark> ParseMark(const std::string& line, const char* name, const char* hash,
                              std::string write(int64_t, const std::string&)) {
  return Parse<Mark>(
      line,
      [&](const Json& json) {
        return Mark{.sequence = json.at(name).get<int64_t>(),
                    .hash = json.at(hash).get<std::string>()};
      },
      [&](const Mark& mark) { return write(mark.sequence, mark.hash); });
}

absl::Status Damaged(int64_t line, const std::string& what) {
  return absl::DataLossError(absl::StrCat("line ", line, ": ", what));
}

}  // namespace

std::string AuditStartLine(int64_t first, const std::string& previous) {
  return Line({{"start", first}, {"previous", previous}});
}

std::string AuditLine(const AuditRecord& record) {
  return Line({{"sequence", record.sequence},
               {"time", absl::FormatTime(kTimeForm, record.time, absl::UTCTimeZone())},
               {"tenant", record.tenant},
               {"key_id", record.key_id},
               {"peer", record.peer},
               {"method", record.method},
               {"resource", record.resource},
               {"outcome", record.outcome},
               {"count", record.count},
               {"hash", record.hash}});
}

std::string AuditEndLine(int64_t last, const std::string& hash) {
  return Line({{"end", last}, {"hash", hash}});
}

absl::StatusOr<AuditSpan> VerifyAuditLines(std::istream& lines) {
  std::string line;
  if (!std::getline(lines, line)) return Damaged(1, "the file is empty");
  const std::optional<Mark> start = ParseMark(line, "start", "previous", AuditStartLine);
  if (!start || !IsSha256Hex(start->hash)) {
    return Damaged(1, "does not say where the records start; `afctl audit export` begins so");
  }
  AuditVerifier verifier(start->sequence, start->hash);
  std::optional<Mark> end;
  int64_t number = 1;
  while (std::getline(lines, line)) {
    ++number;
    if (end) return Damaged(number, "stands after the end");
    if (const std::optional<AuditRecord> record = ParseRecord(line)) {
      const absl::Status status = verifier.Add(*record);
      if (!status.ok()) return Damaged(number, std::string(status.message()));
      continue;
    }
    end = ParseMark(line, "end", "hash", AuditEndLine);
    if (!end) {
      return Damaged(number, absl::StrCat("record ", verifier.last() + 1,
                                          " was changed, or the line is none"));
    }
  }
  if (!end) {
    return Damaged(number, absl::StrCat("the file ends after record ", verifier.last(),
                                        ": its end was cut off"));
  }
  const absl::Status status = verifier.Finish(end->sequence, end->hash);
  if (!status.ok()) return Damaged(number, std::string(status.message()));
  return AuditSpan{.first = start->sequence, .last = verifier.last(), .last_hash = end->hash};
}

}  // namespace alignflow
