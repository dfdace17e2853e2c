#pragma once

#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/registry.h"

namespace composer::testing {

/// What the registry makes of a config message, given by its full name and its fields as text
/// format.
template <typename Product, typename... Arguments>
auto make_registered(const std::string& name, const std::string& fields, Arguments&&... arguments)
    -> decltype(std::declval<typename RegistryTraits<Product>::Factory>()(
        std::declval<const google::protobuf::Message&>(), std::forward<Arguments>(arguments)...)) {
  const auto item = Registry<Product>::global().find(name);
  if (!item.ok()) return item.status();
  const std::unique_ptr<google::protobuf::Message> config(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype((*item)->config)->New());
  if (!google::protobuf::TextFormat::ParseFromString(fields, config.get())) {
    return absl::InvalidArgumentError(absl::StrCat("\"", fields, "\" is no ", name));
  }
  return (*item)->create(*config, std::forward<Arguments>(arguments)...);
}

}  // namespace composer::testing
