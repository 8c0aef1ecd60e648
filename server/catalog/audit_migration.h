#ifndef ALIGNFLOW_SERVER_CATALOG_AUDIT_MIGRATION_H_
#define ALIGNFLOW_SERVER_CATALOG_AUDIT_MIGRATION_H_

#include <vector>

namespace alignflow {

// The tables of audit.h, and under which server secret a key was made.
std::vector<const char*> AuditStatements();

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_AUDIT_MIGRATION_H_
