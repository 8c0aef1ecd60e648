#include "server/catalog/retention.h"

#include <limits>

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr int64_t kCoordinators = -1;
constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();

}  // namespace

int64_t RetentionColumn(std::optional<absl::Duration> age) {
  if (!age) return kCoordinators;
  return *age == absl::InfiniteDuration() ? kForEver : absl::ToInt64Microseconds(*age);
}

std::optional<absl::Duration> RetentionOf(int64_t column) {
  if (column == kCoordinators) return std::nullopt;
  return column == kForEver ? absl::InfiniteDuration() : absl::Microseconds(column);
}

bool SetRetention(WritingSql& writing, const std::string& dataset,
                  std::optional<absl::Duration> age) {
  Sql& sql = writing;
  const int64_t column = RetentionColumn(age);
  int found = 0;
  sql << "SELECT 1 FROM datasets WHERE id = :id", soci::use(dataset), soci::into(found);
  if (!sql.got_data()) return false;
  sql << "UPDATE datasets SET keep_jobs = :age WHERE id = :id", soci::use(column),
      soci::use(dataset);
  return true;
}

std::vector<std::string> JobsPastRetention(Sql& sql, absl::Duration age, absl::Time now,
                                           int limit) {
  const int64_t time = ToColumn(now), others = RetentionColumn(age), again = time;
  std::string job;
  // Source after source along the index, each as far as its time goes. A source may be gone.
  soci::statement select =
      (sql.prepare << "WITH RECURSIVE sources (source) AS (SELECT MIN(source) FROM jobs UNION ALL "
                      "SELECT (SELECT MIN(source) FROM jobs WHERE source > sources.source) FROM "
                      "sources WHERE sources.source IS NOT NULL) SELECT j.id FROM sources s CROSS "
                      "JOIN jobs j WHERE j.source = s.source AND j.end_time > 0 AND j.end_time < "
                      "CASE (SELECT COUNT(*) FROM datasets d WHERE d.id = s.source AND "
                      "d.keep_jobs >= 0) WHEN 0 THEN CAST(:now AS BIGINT) - CAST(:age AS BIGINT) "
                      "ELSE CAST(:again AS BIGINT) - (SELECT d.keep_jobs FROM datasets d WHERE "
                      "d.id = s.source) END LIMIT "
                   << limit,
       soci::use(time), soci::use(others), soci::use(again), soci::into(job));
  select.execute();
  std::vector<std::string> jobs;
  while (select.fetch()) jobs.push_back(job);
  return jobs;
}

}  // namespace alignflow
