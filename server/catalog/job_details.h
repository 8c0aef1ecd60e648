#ifndef ALIGNFLOW_SERVER_CATALOG_JOB_DETAILS_H_
#define ALIGNFLOW_SERVER_CATALOG_JOB_DETAILS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/catalog/catalog.h"
#include "server/catalog/records.h"

// What a job was made with and what people call it, and how jobs are found by it. Within
// Catalog::Transact or CatalogReader::Read only.
namespace alignflow {

struct JobDetails {
  // SHA-256 of the request that it was made from; empty: made before this was kept.
  std::string request_digest;
  std::string display_name;
  std::map<std::string, std::string> labels;
  int priority = 0;
  // What its datasets were then: digest, count, sizes and labels. The digest alone is there in jobs
  // that were made before the others were kept, and nothing where there is no such dataset.
  DatasetRecord source, target;
};

// Once, right after InsertJob.
void InsertJobDetails(WritingSql& sql, const JobRecord& job, const JobDetails& details);
JobDetails DetailsOfJob(Sql& sql, const JobRecord& job);

int PriorityOfJob(Sql& sql, const std::string& id);

struct JobQuery {
  std::string tenant = kDefaultTenant;
  std::vector<JobState> states;               // none: any
  std::map<std::string, std::string> labels;  // all of them
  bool oldest_first = false;
  int64_t beyond = 0;  // sequence of the last job of the page before, in this order
};
// At most `limit` jobs, in order.
std::vector<JobRecord> FindJobs(Sql& sql, const JobQuery& query, int limit);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_JOB_DETAILS_H_
