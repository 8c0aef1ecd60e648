#ifndef ALIGNFLOW_CLIENT_MESSAGE_JSON_H_
#define ALIGNFLOW_CLIENT_MESSAGE_JSON_H_

#include <nlohmann/json.hpp>
#include <string>

#include "google/protobuf/message.h"

namespace alignflow {

// Keeps the order in which fields were added.
using Json = nlohmann::ordered_json;

// A message in the standard JSON form of Protobuf, with the field names of the .proto files and
// every field present. As there, 64-bit numbers are strings and times are RFC 3339.
Json ToJson(const google::protobuf::Message& message);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_MESSAGE_JSON_H_
