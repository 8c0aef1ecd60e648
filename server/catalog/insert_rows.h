#ifndef ALIGNFLOW_SERVER_CATALOG_INSERT_ROWS_H_
#define ALIGNFLOW_SERVER_CATALOG_INSERT_ROWS_H_

#include <string>
#include <vector>

#include "server/catalog/catalog.h"

namespace alignflow {

// Inserts rows, each with a value for every column (numbers as text), many by one statement: a
// database server is asked once for all of them. For the catalog's own files.
void InsertRows(WritingSql& sql, const std::string& table, const std::vector<std::string>& columns,
                const std::vector<std::vector<std::string>>& rows);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_INSERT_ROWS_H_
