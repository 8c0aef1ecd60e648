#include "client/report_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/report_template.h"

namespace alignflow {
namespace {

std::string EscapedForHtml(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

// JSON without '<', so that no "</script" or "<!--" can be in it. '<' occurs within strings only.
std::string EscapedForScript(const Json& data) {
  return absl::StrReplaceAll(data.dump(-1, ' ', false, Json::error_handler_t::replace),
                             {{"<", "\\u003c"}});
}

}  // namespace

std::string ReportPage(const Json& data) {
  const auto job = data.find("job");
  const std::string name = job != data.end() && job->is_object() ? job->value("name", "") : "";
  // One pass over the template: what is put in is not looked at again.
  return absl::StrReplaceAll(kReportHtml, {{"{{title}}", EscapedForHtml(name)},
                                           {"{{style}}", kReportStyle},
                                           {"{{charts}}", kReportCharts},
                                           {"{{script}}", kReportScript},
                                           {"{{data}}", EscapedForScript(data)}});
}

}  // namespace alignflow
