#ifndef ALIGNFLOW_SERVER_SCHEDULER_TURNS_H_
#define ALIGNFLOW_SERVER_SCHEDULER_TURNS_H_

#include <cstdint>

// In which order the queued tasks of several jobs are leased. Pure.
namespace alignflow {

inline constexpr int kMaxPriority = 100;
inline constexpr int kTasksOfATurn = 8;

// The turn of a job's task; less is sooner. `sequence` numbers the jobs by age, `ordinal` the tasks
// of a stage from 0.
//
// A higher priority comes first whatever the age. Among equals the oldest job comes first, but the
// further tasks of a stage, eight at a time, count as of jobs one place younger each: a job of many
// shards lets younger jobs by and takes turns with their shards, and none waits for ever, because
// turns are given once and new jobs' are later ones.
constexpr int64_t TurnOf(int priority, int64_t sequence, int ordinal) {
  constexpr int64_t kTurnsOfAPriority = int64_t{1} << 40;
  return sequence + ordinal / kTasksOfATurn - priority * kTurnsOfAPriority;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_TURNS_H_
