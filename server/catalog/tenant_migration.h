#ifndef ALIGNFLOW_SERVER_CATALOG_TENANT_MIGRATION_H_
#define ALIGNFLOW_SERVER_CATALOG_TENANT_MIGRATION_H_

#include <vector>

namespace alignflow {

// The migration that gives everything an owner: the tenant "default" gets what was there before.
//
// Which tenant may read which blob, and what its blobs take, is kept by triggers, from the tables
// that refer to blobs: a row of tenant_blobs counts the references that a tenant has to a blob, and
// is loose once there are none, until the file is collected.
std::vector<const char*> TenantStatements();

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_TENANT_MIGRATION_H_
