#ifndef ALIGNFLOW_CLIENT_REPORT_PAGE_H_
#define ALIGNFLOW_CLIENT_REPORT_PAGE_H_

#include <string>

#include "client/message_json.h"

namespace alignflow {

// The report as one HTML file that needs nothing else: style, script and `data` (see
// FetchReportData) are in it, and its content security policy forbids any network. Whatever the
// data hold, they can't leave their script element; the script writes them as text only. Pure.
std::string ReportPage(const Json& data);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_REPORT_PAGE_H_
