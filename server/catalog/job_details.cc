#include "server/catalog/job_details.h"

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "server/catalog/columns.h"
#include "server/catalog/jobs.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;

std::string FactsColumn(const DatasetRecord& dataset) {
  if (dataset.item_count == 0) return "";
  return Json{{"items", dataset.item_count},
              {"bytes", dataset.size_bytes},
              {"smallest", dataset.smallest},
              {"largest", dataset.largest},
              {"labels", dataset.labels}}
      .dump();
}

DatasetRecord FromFactsColumn(const std::string& column, const std::string& id,
                              const std::string& digest) {
  DatasetRecord dataset;
  dataset.id = id;
  dataset.digest = digest;
  if (column.empty()) return dataset;
  const Json facts = Json::parse(column);
  facts.at("items").get_to(dataset.item_count);
  facts.at("bytes").get_to(dataset.size_bytes);
  facts.at("smallest").get_to(dataset.smallest);
  facts.at("largest").get_to(dataset.largest);
  facts.at("labels").get_to(dataset.labels);
  return dataset;
}

// The first `limit` jobs of one state (or, empty, of any) by the query, as their sequences.
std::vector<int64_t> SequencesOf(Sql& sql, const JobQuery& query, const std::string& state,
                                 int limit) {
  // Names and values of labels are bound; the parts of the statement are ours alone.
  std::string text = "SELECT j.sequence FROM jobs j";
  int number = 0;
  for (size_t i = 0; i < query.labels.size(); ++i, ++number) {
    absl::StrAppend(&text, " JOIN job_labels l", number, " ON l", number,
                    ".sequence = j.sequence AND l", number, ".tenant = j.tenant AND l", number,
                    ".name = :name", number, " AND l", number, ".value = :value", number);
  }
  absl::StrAppend(&text, " WHERE j.tenant = :tenant AND j.sequence ",
                  query.oldest_first ? ">" : "<", " :beyond");
  if (!state.empty()) absl::StrAppend(&text, " AND j.state = :state");
  absl::StrAppend(&text, " ORDER BY j.sequence ", query.oldest_first ? "ASC" : "DESC", " LIMIT ",
                  limit);
  int64_t sequence = 0;
  soci::statement select(sql);
  for (const auto& [name, value] : query.labels) {
    select.exchange(soci::use(name));
    select.exchange(soci::use(value));
  }
  select.exchange(soci::use(query.tenant));
  select.exchange(soci::use(query.beyond));
  if (!state.empty()) select.exchange(soci::use(state));
  select.exchange(soci::into(sequence));
  select.alloc();
  select.prepare(text);
  select.define_and_bind();
  select.execute();
  std::vector<int64_t> sequences;
  while (select.fetch()) sequences.push_back(sequence);
  return sequences;
}

}  // namespace

void InsertJobDetails(WritingSql& writing, const JobRecord& job, const JobDetails& details) {
  Sql& sql = writing;
  const std::string source = FactsColumn(details.source);
  const std::string target = FactsColumn(details.target);
  sql << "UPDATE jobs SET request_digest = :request, display_name = :display, priority = :prio, "
         "source_facts = :source, target_facts = :target WHERE id = :id",
      soci::use(details.request_digest), soci::use(details.display_name),
      soci::use(details.priority), soci::use(source), soci::use(target), soci::use(job.id);
  for (const auto& [name, value] : details.labels) {
    sql << "INSERT INTO job_labels (job_id, tenant, name, value, sequence) VALUES (:job, :tenant, "
           ":name, :value, :sequence)",
        soci::use(job.id), soci::use(job.tenant), soci::use(name), soci::use(value),
        soci::use(job.sequence);
  }
}

JobDetails DetailsOfJob(Sql& sql, const JobRecord& job) {
  JobDetails details;
  std::string source, target, name, value;
  sql << "SELECT request_digest, display_name, priority, source_facts, target_facts FROM jobs "
         "WHERE id = :id",
      soci::use(job.id), soci::into(details.request_digest), soci::into(details.display_name),
      soci::into(details.priority), soci::into(source), soci::into(target);
  details.source = FromFactsColumn(source, job.source, job.source_digest);
  details.target = FromFactsColumn(target, job.target, job.target_digest);
  soci::statement select = (sql.prepare << "SELECT name, value FROM job_labels WHERE job_id = :id",
                            soci::use(job.id), soci::into(name), soci::into(value));
  select.execute();
  while (select.fetch()) details.labels[name] = value;
  return details;
}

int PriorityOfJob(Sql& sql, const std::string& id) {
  int priority = 0;
  sql << "SELECT priority FROM jobs WHERE id = :id", soci::use(id), soci::into(priority);
  return priority;
}

std::vector<JobRecord> FindJobs(Sql& sql, const JobQuery& query, int limit) {
  std::set<std::string> states;
  for (const JobState state : query.states) states.insert(std::string(StateName(state)));
  if (states.empty()) states.insert("");
  // A state at a time, so that each is a walk along an index however many jobs there are in others.
  std::vector<int64_t> sequences;
  for (const std::string& state : states) {
    const std::vector<int64_t> some = SequencesOf(sql, query, state, limit);
    sequences.insert(sequences.end(), some.begin(), some.end());
  }
  if (query.oldest_first) {
    std::ranges::sort(sequences);
  } else {
    std::ranges::sort(sequences, std::greater<>());
  }
  if (static_cast<int>(sequences.size()) > limit) sequences.resize(limit);
  std::vector<JobRecord> jobs;
  for (const int64_t sequence : sequences) {
    const std::vector<JobRecord> found = ListJobs(sql, sequence + 1, 1);
    jobs.insert(jobs.end(), found.begin(), found.end());
  }
  return jobs;
}

}  // namespace alignflow
