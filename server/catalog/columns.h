#ifndef ALIGNFLOW_SERVER_CATALOG_COLUMNS_H_
#define ALIGNFLOW_SERVER_CATALOG_COLUMNS_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "server/catalog/records.h"

// How plain values lie in columns. For the catalog's own files.
namespace alignflow {

// Also the label values of the metrics: "queued", "running", ...
std::string_view StateName(JobState state);
std::string_view StateName(TaskState state);
// Throw std::invalid_argument for a text that no state has.
JobState JobStateOf(std::string_view name);
TaskState TaskStateOf(std::string_view name);

inline int64_t ToColumn(absl::Time time) { return absl::ToUnixMicros(time); }
inline absl::Time TimeOf(int64_t column) { return absl::FromUnixMicros(column); }

// "align", "fit" or "generate"; throws likewise.
std::string_view KindName(JobKind kind);
JobKind JobKindOf(std::string_view name);

// Maps and lists of text or numbers, as JSON. Bytes that are no UTF-8 are replaced.
template <typename Value>
std::string ToColumn(const Value& value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}
template <typename Value>
Value FromColumn(const std::string& column) {
  return nlohmann::json::parse(column).get<Value>();
}

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_COLUMNS_H_
