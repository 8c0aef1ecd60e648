#ifndef ALIGNFLOW_CLIENT_REPORT_TEMPLATE_H_
#define ALIGNFLOW_CLIENT_REPORT_TEMPLATE_H_

// The files of client/report/, compiled in.
namespace alignflow {

extern const char kReportHtml[];
extern const char kReportStyle[];
extern const char kReportCharts[];
extern const char kReportScript[];

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_REPORT_TEMPLATE_H_
