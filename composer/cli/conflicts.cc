#include "composer/cli/conflicts.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "composer/cli/example_message.h"
#include "composer/core/compatibility.h"
#include "composer/core/registries.h"

namespace composer {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Variant {
  // Empty for the defaults.
  std::string setting;
  std::unique_ptr<Algorithm> algorithm;
};

// With its defaults, and with each switch turned, as far as an example's settings can be created.
std::vector<Variant> variants_of(const CatalogueItem& item) {
  std::vector<Variant> variants;
  const auto registered = Registry<Algorithm>::global().find(item.config->full_name());
  if (!registered.ok()) return variants;
  const auto add = [&](const std::string& setting, const Message& config) {
    auto algorithm = (*registered)->create(config);
    if (algorithm.ok()) variants.push_back({setting, *std::move(algorithm)});
  };
  const std::unique_ptr<Message> defaults = example_message(item.config);
  add("", *defaults);
  for (int i = 0; i < item.config->field_count(); ++i) {
    const FieldDescriptor* field = item.config->field(i);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL || field->is_repeated()) continue;
    const bool turned = !field->default_value_bool();
    const std::unique_ptr<Message> config(defaults->New());
    config->CopyFrom(*defaults);
    config->GetReflection()->SetBool(config.get(), field, turned);
    add(absl::StrCat(field->name(), ": ", turned ? "true" : "false"), *config);
  }
  return variants;
}

// The others that `own` cannot be with: by their defaults, or by one of their settings alone.
std::vector<std::string> in_the_way(const Algorithm& own, const std::vector<CatalogueItem>& others,
                                    const std::vector<std::vector<Variant>>& variants) {
  std::vector<std::string> names;
  for (size_t i = 0; i < others.size(); ++i) {
    for (const Variant& other : variants[i]) {
      if (check_compatible(own, *other.algorithm).ok()) continue;
      names.push_back(other.setting.empty()
                          ? others[i].name
                          : absl::StrCat(others[i].name, " { ", other.setting, " }"));
      if (other.setting.empty()) break;
    }
  }
  return names;
}

}  // namespace

std::vector<Conflicts> conflicts_of(const CatalogueItem& algorithm) {
  std::vector<CatalogueItem> others = catalogue_items(*algorithm.kind);
  others.erase(std::remove_if(others.begin(), others.end(),
                              [&](const auto& other) { return other.config == algorithm.config; }),
               others.end());
  std::vector<std::vector<Variant>> variants;
  for (const CatalogueItem& other : others) variants.push_back(variants_of(other));

  std::vector<Conflicts> found;
  std::vector<std::string> by_default;
  for (const Variant& own : variants_of(algorithm)) {
    std::vector<std::string> names = in_the_way(*own.algorithm, others, variants);
    if (own.setting.empty()) {
      by_default = names;
    } else if (names == by_default) {
      continue;
    }
    if (!names.empty()) found.push_back({own.setting, std::move(names)});
  }
  return found;
}

}  // namespace composer
