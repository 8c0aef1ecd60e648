#ifndef ALIGNFLOW_SERVER_SCHEDULER_FLEET_H_
#define ALIGNFLOW_SERVER_SCHEDULER_FLEET_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

namespace alignflow {

// A folder with a pretrained model, as a worker has it.
struct ModelFolder {
  std::string name;
  std::string fingerprint;  // equal for equal files
  auto operator<=>(const ModelFolder&) const = default;
};

// What a worker says that it can do.
struct WorkerAbilities {
  std::string device = "cpu";        // or "cuda"
  int64_t memory_bytes = 0;          // of the device; 0: not known
  std::vector<std::string> presets;  // none: all
  std::vector<ModelFolder> models;
  auto operator<=>(const WorkerAbilities&) const = default;
};

// A connected worker, as far as placement depends on it.
struct FleetWorker {
  std::string id;
  WorkerAbilities abilities;
  bool open = true;  // takes tasks: neither cordoned nor draining nor in quarantine
};

// The connected workers. Those of equal abilities are counted as one group, so that looking for
// who can do a task costs as much with a thousand workers as with ten of the same kinds. Plain
// data.
class Fleet {
 public:
  struct Group {
    int workers = 0, open = 0;
  };
  using Groups = std::map<WorkerAbilities, Group>;

  Fleet() = default;
  Fleet(std::initializer_list<FleetWorker> workers);

  // Adds the worker, or replaces the one with its id.
  void Put(FleetWorker worker);
  // Both do nothing for a worker that is not there.
  void Remove(const std::string& id);
  void SetOpen(const std::string& id, bool open);

  // Null if there is none. Until the fleet's next change.
  const FleetWorker* Find(const std::string& id) const;
  // None is empty.
  const Groups& groups() const { return groups_; }
  int size() const { return static_cast<int>(workers_.size()); }

 private:
  // Counts the worker in its group, by 1 or -1.
  void Count(const FleetWorker& worker, int by);

  std::map<std::string, FleetWorker> workers_;
  Groups groups_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_FLEET_H_
