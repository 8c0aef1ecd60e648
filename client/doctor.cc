#include "client/doctor.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/key_words.h"
#include "client/text_table.h"
#include "client/timestamps.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/version.h"

namespace alignflow {
namespace {

constexpr absl::Duration kCertificateNotice = absl::Hours(24 * 30);
constexpr absl::Duration kKeyNotice = absl::Hours(24 * 14);
// Keys and certificates end by the coordinator's clock, and logs are compared.
constexpr absl::Duration kClockNotice = absl::Seconds(5);
constexpr absl::Duration kClockProblem = absl::Minutes(5);

std::string DaysText(absl::Duration duration) {
  const int64_t days = absl::ToInt64Hours(duration) / 24;
  return days >= 2 ? absl::StrCat("in ", days, " days")
                   : absl::StrCat("in ", DurationText(duration));
}

}  // namespace

Finding CheckServing(const v1::ServerInfo& info) {
  Finding finding{.check = "server", .text = "answers, and takes work"};
  if (info.state() == v1::SERVER_STATE_DRAINING) {
    finding = {.check = "server",
               .health = Health::kWarning,
               .text = "answers, but is closing",
               .remedy = "wait until it has been started again"};
  } else if (info.state() == v1::SERVER_STATE_DISK_LOW) {
    finding = {.check = "server",
               .health = Health::kProblem,
               .text = "answers, but takes no work: its disk is almost full",
               .remedy = "see disk"};
  } else if (info.state() == v1::SERVER_STATE_BLOBS_DOWN) {
    finding = {.check = "server",
               .health = Health::kProblem,
               .text =
                   "answers, but takes no work: the object store that it keeps blobs in does "
                   "not answer",
               .remedy =
                   "see the coordinator's log for what the store says, and the network "
                   "between them; it goes on by itself"};
  } else if (info.state() == v1::SERVER_STATE_NO_CATALOG) {
    finding = {.check = "server",
               .health = Health::kProblem,
               .text = "answers, but takes no work: its database does not answer",
               .remedy =
                   "whoever runs the coordinator looks at its database server; it goes on by "
                   "itself then"};
  }
  return finding;
}

Finding CheckVersions(const v1::ServerInfo& info) {
  Finding finding{
      .check = "versions",
      .text = absl::StrCat("afctl ", std::string(Version()), ", coordinator ", info.version())};
  if (info.result_version() != kResultVersion) {
    finding.health = Health::kWarning;
    absl::StrAppend(&finding.text, ", whose results are of version ", info.result_version(),
                    " and not ", kResultVersion);
    finding.remedy = "install the same release of AlignFlow on both";
  } else if (info.version() != Version()) {
    finding.health = Health::kWarning;
    finding.remedy = "install the same release of AlignFlow on both";
  }
  return finding;
}

Finding CheckClock(const v1::ServerInfo& info, absl::Time asked, absl::Time answered) {
  if (!info.has_time()) {
    return {.check = "clock", .text = "not known: the coordinator is older than this afctl"};
  }
  const absl::Time there = ToAbslTime(info.time());
  // What the call took is nobody's difference.
  absl::Duration difference;
  if (there < asked) difference = there - asked;
  if (there > answered) difference = there - answered;
  const absl::Duration size = absl::AbsDuration(difference);
  if (size < kClockNotice) {
    return {.check = "clock", .text = "the coordinator's agrees with this machine's"};
  }
  return {.check = "clock",
          .health = size < kClockProblem ? Health::kWarning : Health::kProblem,
          .text = absl::StrCat("the coordinator's is ", DurationText(size),
                               difference < absl::ZeroDuration() ? " behind" : " ahead of",
                               " this machine's"),
          .remedy = "have both follow the same time service (NTP)"};
}

Finding CheckEncryption(const v1::ServerInfo& info, bool tls, absl::Time now) {
  if (!tls) return {.check = "encryption", .text = "none: the coordinator is on this machine"};
  Finding finding{.check = "encryption", .text = "TLS; the certificate is the coordinator's"};
  if (!info.has_certificate_end_time()) return finding;
  const absl::Duration left = ToAbslTime(info.certificate_end_time()) - now;
  absl::StrAppend(&finding.text, " and runs out ", DaysText(left), ", on ",
                  LocalTimeText(info.certificate_end_time()));
  if (left < kCertificateNotice) {
    finding.health = left < absl::ZeroDuration() ? Health::kProblem : Health::kWarning;
    finding.remedy =
        "have whoever runs the coordinator put a new certificate in the place of the old one; no "
        "restart is needed";
  }
  return finding;
}

Finding CheckCaller(const v1::CallerInfo& caller, absl::Time now) {
  if (caller.role() == v1::KEY_ROLE_UNSPECIFIED) {
    return {.check = "you",
            .text = "no key is needed: whoever reaches the coordinator may do everything"};
  }
  const std::string tenant(absl::StripPrefix(caller.tenant(), "tenants/"));
  Finding finding{
      .check = "you",
      .text = absl::StrCat(
          RoleWord(caller.role()), tenant.empty() ? "" : " of the tenant ", tenant,
          caller.key().empty() ? ", by a certificate" : absl::StrCat(", with ", caller.key()))};
  if (!caller.has_expire_time()) return finding;
  const absl::Duration left = ToAbslTime(caller.expire_time()) - now;
  absl::StrAppend(&finding.text, ", which expires ", DaysText(left));
  if (left < kKeyNotice) {
    finding.health = Health::kWarning;
    finding.remedy = "ask for another key (`afctl key create`), and `afctl login` with it";
  }
  return finding;
}

Finding CheckDisk(const v1::ServerInfo& info) {
  Finding finding{
      .check = "disk",
      .text = absl::StrCat(BytesText(info.free_disk_bytes()), " free; below ",
                           BytesText(info.disk_reserve_bytes()), " the coordinator takes no work")};
  if (info.free_disk_bytes() < info.disk_reserve_bytes()) {
    finding.health = Health::kProblem;
  } else if (info.free_disk_bytes() / 2 < info.disk_reserve_bytes()) {
    finding.health = Health::kWarning;
  }
  if (finding.health != Health::kWell) {
    finding.remedy = "`afctl space` shows what takes the space; delete jobs and datasets";
  }
  return finding;
}

Finding CheckWorkers(const std::vector<v1::Worker>& workers) {
  if (workers.empty()) {
    return {.check = "workers",
            .health = Health::kProblem,
            .text = "none is connected: no job goes on",
            .remedy =
                "start `alignflow-worker --coordinator HOST:PORT`, or the coordinator with "
                "--spawn-workers"};
  }
  std::map<std::string, int> devices;
  std::set<std::string> presets, models;
  int quarantined = 0, closed = 0;
  for (const v1::Worker& worker : workers) {
    ++devices[worker.device()];
    presets.insert(worker.presets().begin(), worker.presets().end());
    for (const v1::ModelFolder& model : worker.models()) models.insert(model.name());
    quarantined += worker.state() == v1::WORKER_STATE_QUARANTINED;
    closed += worker.state() == v1::WORKER_STATE_CORDONED ||
              worker.state() == v1::WORKER_STATE_DRAINING ||
              worker.state() == v1::WORKER_STATE_DRAINED;
  }
  const int all = static_cast<int>(workers.size());
  Finding finding{
      .check = "workers",
      .text = absl::StrCat(all, " connected (",
                           absl::StrJoin(devices, ", ",
                                         [](std::string* out, const auto& device) {
                                           absl::StrAppend(out, device.second, " ", device.first);
                                         }),
                           ")", presets.empty() ? "" : "; presets ", absl::StrJoin(presets, ", "),
                           models.empty() ? "" : "; models ", absl::StrJoin(models, ", "))};
  if (quarantined > 0) absl::StrAppend(&finding.text, "; ", quarantined, " in quarantine");
  if (closed > 0) absl::StrAppend(&finding.text, "; ", closed, " closed");
  if (quarantined + closed == all) {
    finding.health = Health::kProblem;
  } else if (quarantined > 0) {
    finding.health = Health::kWarning;
  }
  if (finding.health != Health::kWell) {
    finding.remedy =
        "`afctl worker list` says why; `afctl worker uncordon` opens one again and ends its "
        "quarantine";
  }
  return finding;
}

Finding CheckQueue(const std::vector<v1::Job>& queued, bool more, bool running) {
  if (queued.empty()) {
    return {.check = "queue", .text = running ? "jobs run, and none waits" : "no job waits"};
  }
  const v1::Job& oldest = queued.front();
  const bool one = queued.size() == 1 && !more;
  Finding finding{
      .check = "queue",
      .text = absl::StrCat(
          one ? "1 job waits" : absl::StrCat(queued.size(), more ? " or more" : "", " jobs wait"),
          "; ", oldest.name(), " longest", oldest.waiting_reason().empty() ? "" : ": ",
          oldest.waiting_reason())};
  if (running) return finding;
  finding.health = Health::kWarning;
  finding.remedy = "no job runs meanwhile: see workers and disk, and what `afctl job get` says";
  return finding;
}

}  // namespace alignflow
