#include "server/catalog/catalog.h"

#include <utility>

#include "common/steady_now.h"
#include "server/catalog/catalog_engine.h"
#include "server/catalog/sqlite_engine.h"

namespace alignflow {

Catalog::Catalog(std::unique_ptr<CatalogEngine> engine) : engine_(std::move(engine)) {
  for (int reader = 0; reader < engine_->readers(); ++reader) free_readers_.push_back(reader);
}
Catalog::~Catalog() = default;

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Open(const std::filesystem::path& file) {
  absl::StatusOr<std::unique_ptr<CatalogEngine>> engine = OpenSqliteEngine(file);
  if (!engine.ok()) return engine.status();
  return std::make_unique<Catalog>(*std::move(engine));
}

absl::Status Catalog::Transact(const std::function<absl::Status(WritingSql&)>& body,
                               const std::function<void()>& committed) {
  const absl::Time asked = SteadyNow();
  absl::Duration waited;
  absl::Status status;
  bool failed = false;
  {
    absl::MutexLock lock(&write_mutex_);
    waited = SteadyNow() - asked;
    const auto write = [&](Sql& sql) {
      WritingSql writing(sql);
      absl::Status done = body(writing);
      return done.ok() ? before_commit_(writing) : done;
    };
    status = engine_->Write(write, failed);
    if (status.ok()) committed();
  }
  observe_(Wait::kWrite, waited, failed);
  return status;
}

absl::Status Catalog::ForgetDeleted() {
  absl::MutexLock lock(&write_mutex_);
  return engine_->ForgetDeleted();
}

absl::Status Catalog::Check() {
  absl::MutexLock lock(&write_mutex_);
  return engine_->Check();
}

absl::Status Catalog::Read(const std::function<absl::Status(Sql&)>& body) {
  const absl::Time asked = SteadyNow();
  int reader = 0;
  {
    absl::MutexLock lock(&read_mutex_);
    const auto any_free = [this] { return !free_readers_.empty(); };
    read_mutex_.Await(absl::Condition(&any_free));
    reader = free_readers_.back();
    free_readers_.pop_back();
  }
  const absl::Duration waited = SteadyNow() - asked;
  bool failed = false;
  absl::Status status = engine_->Read(reader, body, failed);
  {
    absl::MutexLock lock(&read_mutex_);
    free_readers_.push_back(reader);
  }
  observe_(Wait::kRead, waited, failed);
  return status;
}

}  // namespace alignflow
