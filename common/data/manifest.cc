#include "common/data/manifest.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/image_probe.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;

absl::Status Invalid(const std::string& reason) {
  return absl::InvalidArgumentError(absl::StrCat("manifest: ", reason));
}

bool IsDigest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[k]); };
    const uint8_t lead = byte(i++);
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || i + more > text.size()) return false;
    const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (byte(i) < low || byte(i) > high) return false;
    for (int k = 1; k < more; ++k) {
      if (byte(i + k) < 0x80 || byte(i + k) > 0xbf) return false;
    }
    i += more;
  }
  return true;
}

// Fills a DatasetManifest from parser events and refuses whatever does not belong at its place, so
// that no document makes it hold more than the manifest itself. Where a key stands is left to the
// comparison with the canonical form.
class ManifestReader : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Refuse("null"); }
  bool boolean(bool) override { return Refuse("a boolean"); }
  bool number_float(double, const std::string&) override { return Refuse("a fractional number"); }
  bool binary(Json::binary_t&) override { return Refuse("binary data"); }
  bool number_integer(int64_t) override { return Refuse("a negative number"); }

  bool number_unsigned(uint64_t value) override {
    if (value > 1000000) return Refuse("too large a number");
    const int number = static_cast<int>(value);
    if (place_ == Place::kTop && key_ == "background") {
      background_ = number;
    } else if (place_ == Place::kTop && key_ == "sample_bits") {
      sample_bits_ = number;
    } else if (place_ == Place::kLabel && key_ == "value") {
      labels_.back().value = number;
    } else if (place_ == Place::kItem && key_ == "width") {
      items_.back().width = number;
    } else if (place_ == Place::kItem && key_ == "height") {
      items_.back().height = number;
    } else if (place_ == Place::kItem && key_ == "depth") {
      items_.back().depth = number;
    } else {
      return Refuse("a number");
    }
    return true;
  }

  bool string(std::string& value) override {
    if (value.size() > kMaxItemNameBytes) return Refuse("too long a text");
    if (place_ == Place::kTop && key_ == "kind") {
      kind_ = std::move(value);
    } else if (place_ == Place::kTop && key_ == "background_colour") {
      background_colour_ = ParseColour(value);
      if (!background_colour_) return Refuse("a text that is no colour");
    } else if (place_ == Place::kLabel && key_ == "colour") {
      labels_.back().colour = ParseColour(value);
      if (!labels_.back().colour) return Refuse("a text that is no colour");
    } else if (place_ == Place::kLabel && key_ == "name") {
      labels_.back().name = std::move(value);
    } else if (place_ == Place::kItem && key_ == "name") {
      items_.back().name = std::move(value);
    } else if (place_ == Place::kItem && key_ == "class") {
      items_.back().image_class = std::move(value);
    } else if (place_ == Place::kItem && key_ == "group") {
      items_.back().group = std::move(value);
    } else if (place_ == Place::kItem && key_ == "image") {
      items_.back().image = std::move(value);
    } else if (place_ == Place::kItem && key_ == "mask") {
      items_.back().mask = std::move(value);
    } else {
      return Refuse("a text");
    }
    return true;
  }

  bool key(std::string& value) override {
    key_ = std::move(value);
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kTop;
    } else if (place_ == Place::kItems) {
      if (items_.size() == kMaxManifestItems) return Fail("more than 1,000,000 items");
      items_.emplace_back();
      place_ = Place::kItem;
    } else if (place_ == Place::kLabels) {
      if (labels_.size() == LabelTable::kMaxLabels) return Fail("more than 255 labels");
      labels_.emplace_back();
      place_ = Place::kLabel;
    } else {
      return Refuse("an object");
    }
    return true;
  }

  bool end_object() override {
    place_ = place_ == Place::kItem    ? Place::kItems
             : place_ == Place::kLabel ? Place::kLabels
                                       : Place::kOutside;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kTop || (key_ != "items" && key_ != "labels")) return Refuse("a list");
    place_ = key_ == "items" ? Place::kItems : Place::kLabels;
    return true;
  }

  bool end_array() override {
    place_ = Place::kTop;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    return Fail(absl::StrCat("not JSON at byte ", position));
  }

  const std::string& error() const { return error_; }

  absl::StatusOr<DatasetManifest> Finish() && {
    DatasetManifest manifest;
    manifest.items = std::move(items_);
    manifest.sample_bits = sample_bits_;
    if (kind_ == "references") {
      manifest.kind = DatasetKind::kReferences;
      return manifest;
    }
    if (kind_ != "dataset") return Invalid("kind must be dataset or references");
    if (!background_) return Invalid("background is missing");
    const bool coloured = background_colour_ || std::ranges::any_of(labels_, [](const auto& label) {
                            return label.colour.has_value();
                          });
    absl::StatusOr<LabelTable> labels =
        coloured ? LabelTable::MakeColoured(std::move(labels_), background_colour_)
                 : LabelTable::Make(std::move(labels_), background_);
    if (!labels.ok()) return Invalid(std::string(labels.status().message()));
    manifest.labels = *std::move(labels);
    return manifest;
  }

 private:
  enum class Place { kOutside, kTop, kLabels, kLabel, kItems, kItem };

  bool Fail(std::string reason) {
    error_ = std::move(reason);
    return false;
  }

  bool Refuse(std::string_view what) {
    const std::string where = place_ == Place::kItem || place_ == Place::kItems
                                  ? absl::StrCat("item ", items_.size())
                              : place_ == Place::kOutside ? "the document"
                                                          : "the manifest";
    // A key is the sender's text and may be long or unprintable, so only its start is quoted,
    // escaped by the JSON writer.
    const std::string key =
        Json(key_.substr(0, 32)).dump(-1, ' ', true, Json::error_handler_t::replace);
    return Fail(absl::StrFormat("%s does not belong in %s at key %s", what, where, key));
  }

  Place place_ = Place::kOutside;
  std::string key_;
  std::string error_;
  std::string kind_;
  std::optional<int> background_;
  std::optional<uint32_t> background_colour_;
  int sample_bits_ = kAllSampleBits;
  std::vector<LabelTable::Label> labels_;
  std::vector<DatasetItem> items_;
};

// The text, or its beginning, for messages.
std::string Quoted(std::string_view text) {
  return Json(text.substr(0, kMaxItemNameBytes))
      .dump(-1, ' ', true, Json::error_handler_t::replace);
}

bool IsControl(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }

// Whether a text can say such a thing of an item.
absl::Status CheckLine(std::string_view what, std::string_view text) {
  const auto bad = [&](std::string_view reason) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the %s %s %s; give it another name", what, Quoted(text), reason));
  };
  if (text.empty()) return bad("is empty");
  if (text.size() > kMaxItemNameBytes) return bad("is longer than 200 bytes");
  if (std::ranges::any_of(text, IsControl)) return bad("holds a control character");
  if (!IsUtf8(text)) return bad("is not UTF-8");
  return absl::OkStatus();
}

void AppendText(std::string_view text, std::string& out) {
  out += Json(text).dump(-1, ' ', /*ensure_ascii=*/true);
}

std::string Canonical(const DatasetManifest& manifest) {
  const bool references = manifest.kind == DatasetKind::kReferences;
  const LabelTable& labels = manifest.labels;
  std::string out = "{";
  if (!references) absl::StrAppend(&out, "\"background\":", labels.background(), ",");
  if (labels.coloured()) {
    absl::StrAppend(&out, "\"background_colour\":\"", labels.CodeText(0), "\",");
  }
  out += "\"items\":[";
  for (const DatasetItem& item : manifest.items) {
    out += &item == manifest.items.data() ? "{" : ",{";
    const auto text = [&](const char* key, const std::string& value) {
      if (value.empty()) return;
      absl::StrAppend(&out, "\"", key, "\":");
      AppendText(value, out);
      out += ",";
    };
    text("class", item.image_class);
    if (item.depth > 0) absl::StrAppend(&out, "\"depth\":", item.depth, ",");
    text("group", item.group);
    absl::StrAppend(&out, "\"height\":", item.height, ",\"image\":\"", item.image, "\",");
    if (!references) absl::StrAppend(&out, "\"mask\":\"", item.mask, "\",");
    out += "\"name\":";
    AppendText(item.name, out);
    absl::StrAppend(&out, ",\"width\":", item.width, "}");
  }
  out += references ? "],\"kind\":\"references\"" : "],\"kind\":\"dataset\",\"labels\":[";
  for (const LabelTable::Label& label : labels.labels()) {
    out += &label == labels.labels().data() ? "{" : ",{";
    if (label.colour) absl::StrAppend(&out, "\"colour\":\"", ColourText(*label.colour), "\",");
    absl::StrAppend(&out, "\"name\":\"", label.name, "\",\"value\":", label.value, "}");
  }
  if (!references) out += "]";
  if (manifest.sample_bits != kAllSampleBits) {
    absl::StrAppend(&out, ",\"sample_bits\":", manifest.sample_bits);
  }
  return out + "}";
}

}  // namespace

absl::Status CheckItemName(std::string_view name) {
  const auto bad = [&](std::string_view reason) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the name %s %s; rename it", Quoted(name), reason));
  };
  if (name.empty()) return bad("is empty");
  if (name.size() > kMaxItemNameBytes) return bad("is longer than 200 bytes");
  if (name.front() == '.') return bad("starts with a dot");
  if (name.find("..") != std::string_view::npos) return bad("holds '..'");
  for (const char c : name) {
    if (IsControl(c)) return bad("holds a control character");
    if (c == '/' || c == '\\' || c == ':') return bad("holds a path separator");
  }
  if (!IsUtf8(name)) return bad("is not UTF-8");
  return absl::OkStatus();
}

absl::Status CheckGroup(std::string_view group) { return CheckLine("group", group); }

absl::Status CheckImageClass(std::string_view image_class) {
  if (image_class.find(',') == std::string_view::npos) return CheckLine("class", image_class);
  return absl::InvalidArgumentError(absl::StrFormat(
      "the class %s holds a comma, which parts classes in settings; give it another name",
      Quoted(image_class)));
}

absl::Status CheckManifest(const DatasetManifest& manifest) {
  if (manifest.items.empty()) return Invalid("it has no items");
  if (manifest.items.size() > kMaxManifestItems) return Invalid("more than 1,000,000 items");
  const bool references = manifest.kind == DatasetKind::kReferences;
  if (references != manifest.labels.labels().empty()) {
    return Invalid(references ? "references have no labels" : "a dataset has at least one label");
  }
  if (manifest.sample_bits < 1 || manifest.sample_bits > kAllSampleBits) {
    return Invalid("sample_bits must be between 1 and 16");
  }
  std::set<std::string_view> classes;
  for (size_t i = 0; i < manifest.items.size(); ++i) {
    const DatasetItem& item = manifest.items[i];
    const auto bad = [&](std::string_view reason) {
      return Invalid(absl::StrFormat("item %d: %s", i + 1, reason));
    };
    if (absl::Status s = CheckItemName(item.name); !s.ok()) return bad(std::string(s.message()));
    if (i > 0 && manifest.items[i - 1].name >= item.name) {
      return bad("items must be sorted by name (bytewise), each name once");
    }
    if (item.group.empty() != manifest.items.front().group.empty()) {
      return bad("a group is given for every item or for none");
    }
    if (!item.group.empty()) {
      if (absl::Status s = CheckGroup(item.group); !s.ok()) return bad(std::string(s.message()));
    }
    if (item.image_class.empty() != manifest.items.front().image_class.empty()) {
      return bad("a class is given for every item or for none");
    }
    if (!item.image_class.empty()) {
      if (references) return bad("references have no classes");
      if (absl::Status s = CheckImageClass(item.image_class); !s.ok())
        return bad(std::string(s.message()));
      classes.insert(item.image_class);
      if (classes.size() > kMostImageClasses)
        return bad("its class is the 65th, and at most 64 are taken");
    }
    if ((item.depth > 0) != manifest.volumes()) {
      return bad(
          "it is a volume and others are pictures, or the reverse; push them as two datasets");
    }
    if (item.depth < 0 || item.depth > kMaxImageSide) return bad("depth must be up to 65535");
    if (!IsDigest(item.image)) return bad("image must be a SHA-256 of 64 hexadecimal digits");
    if (references && !item.mask.empty()) return bad("references have no masks");
    if (!references && !IsDigest(item.mask)) {
      return bad("mask must be a SHA-256 of 64 hexadecimal digits");
    }
    if (std::min(item.width, item.height) < 1 ||
        std::max(item.width, item.height) > kMaxImageSide) {
      return bad("width and height must be between 1 and 65535");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> WriteManifest(DatasetManifest manifest) {
  std::ranges::sort(manifest.items, {}, &DatasetItem::name);
  if (absl::Status s = CheckManifest(manifest); !s.ok()) return s;
  return Canonical(manifest);
}

absl::StatusOr<DatasetManifest> ParseManifest(std::string_view json) {
  if (json.size() > kMaxManifestBytes) return Invalid("it has more than 512 MiB");
  ManifestReader reader;
  if (!Json::sax_parse(json, &reader)) return Invalid(reader.error());
  absl::StatusOr<DatasetManifest> manifest = std::move(reader).Finish();
  if (!manifest.ok()) return manifest.status();
  if (absl::Status s = CheckManifest(*manifest); !s.ok()) return s;
  if (Canonical(*manifest) != json) {
    return Invalid(
        "not in the canonical form: every key once, keys sorted, no spaces, ASCII with \\u escapes "
        "(in Python: "
        "json.dumps(manifest, sort_keys=True, separators=(\",\", \":\")))");
  }
  return manifest;
}

}  // namespace alignflow
