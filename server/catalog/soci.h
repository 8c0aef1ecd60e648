#ifndef ALIGNFLOW_SERVER_CATALOG_SOCI_H_
#define ALIGNFLOW_SERVER_CATALOG_SOCI_H_

// SOCI without its optional Boost conversions: Debian builds it with them, but its package does not
// bring Boost's headers, and nothing here uses them. They are templates only, so the library's
// binary interface stays the same.
#include <soci/soci-platform.h>
#undef SOCI_HAVE_BOOST
#undef SOCI_HAVE_BOOST_DATE_TIME
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#endif  // ALIGNFLOW_SERVER_CATALOG_SOCI_H_
