#include "server/catalog/insert_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr size_t kRowsPerStatement = 100;

// "(:v0, :v1), (:v2, :v3)"
std::string Places(size_t rows, size_t columns) {
  std::string places;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      absl::StrAppend(&places,
                      column > 0 ? ", "
                      : row > 0  ? "), ("
                                 : "(",
                      ":v", row * columns + column);
    }
  }
  return places + ")";
}

}  // namespace

void InsertRows(WritingSql& writing, const std::string& table,
                const std::vector<std::string>& columns,
                const std::vector<std::vector<std::string>>& rows) {
  Sql& sql = writing;
  for (size_t first = 0; first < rows.size(); first += kRowsPerStatement) {
    const size_t end = std::min(rows.size(), first + kRowsPerStatement);
    soci::statement insert(sql);
    for (size_t row = first; row < end; ++row) {
      for (const std::string& value : rows[row]) insert.exchange(soci::use(value));
    }
    insert.alloc();
    insert.prepare(absl::StrCat("INSERT INTO ", table, " (", absl::StrJoin(columns, ", "),
                                ") VALUES ", Places(end - first, columns.size())));
    insert.define_and_bind();
    insert.execute(true);
  }
}

}  // namespace alignflow
