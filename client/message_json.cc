#include "client/message_json.h"

#include "google/protobuf/util/json_util.h"

namespace alignflow {

Json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  // Fails only for messages with Any or with invalid times; ours have neither once they were
  // parsed.
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return nullptr;
  return Json::parse(text);
}

}  // namespace alignflow
