#ifndef ALIGNFLOW_SERVER_CATALOG_POSTGRES_ENGINE_H_
#define ALIGNFLOW_SERVER_CATALOG_POSTGRES_ENGINE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/catalog/postgres_address.h"
#include "server/catalog/postgres_connection.h"

// A catalog in a PostgreSQL database, which one coordinator serves at a time: the connection that
// writes holds an advisory lock of the database for as long as it lives, so that whatever is
// written is written by who holds it. Each that takes it over counts `epoch` of catalog_owner up;
// one that finds another epoch when its connection comes back has been replaced, and ends.
namespace alignflow {

struct PostgresCatalogOptions {
  // Whose catalog it is: a random text that the state folder keeps, so that no coordinator serves
  // a catalog with the files of another. Empty where the folder has none yet: see `new_id`.
  std::string id;
  // What becomes the catalog's if it has none and `id` is empty.
  std::string new_id;
  // Called again and again while another coordinator has the database, or it does not answer, with
  // the reason: whether to wait on. Nothing: that is an error.
  std::function<bool(const absl::Status&)> wait;
  // How long a transaction waits for a server that says nothing, though the connection is open.
  absl::Duration answer_limit = absl::Seconds(120);
};

// Makes or updates the schema and serves. FailedPrecondition while another coordinator has it, if
// it is another state folder's, or a newer AlignFlow wrote it; Unavailable if the server does not
// answer; Cancelled once `wait` has said no; each with the remedy.
absl::StatusOr<std::unique_ptr<Catalog>> OpenPostgresCatalog(const PostgresAddress& address,
                                                             const PostgresCatalogOptions& options);

// For those who need the database for themselves: makes the connection hold the coordinator's lock.
// FailedPrecondition while another has it.
absl::Status HoldCoordinatorLock(PostgresConnection& connection);

// Runs `body` in a transaction beside the coordinator's, for rows that it reads again and again.
// Makes the schema where there is none. FailedPrecondition if another AlignFlow wrote it.
absl::Status ChangePostgresCatalog(const PostgresAddress& address,
                                   const std::function<absl::Status(WritingSql&)>& body);

// The digests of all blobs that it refers to. FailedPrecondition as above.
absl::StatusOr<std::set<std::string>> BlobsOfPostgresCatalog(const PostgresAddress& address);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_POSTGRES_ENGINE_H_
