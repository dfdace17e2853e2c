#pragma once

#include <utility>

#include "composer/base/registry.h"
#include "composer/base/status.h"
#include "composer/config/chosen_item.h"
#include "google/protobuf/message.h"

namespace composer {

/// Builds what `holder` (config::Dataset, config::Optimizer, ...) chooses, built-in or plugin
/// alike, with the factory that its message has in the registry of `Product`. `arguments` are the
/// factory's after the message. Returns the factory's StatusOr; errors carry a field path relative
/// to `holder`.
template <typename Product, typename... Arguments>
auto build_chosen(const google::protobuf::Message& holder, Arguments&&... arguments) ->
    typename RegistryTraits<Product>::Factory::result_type {
  COMPOSER_ASSIGN_OR_RETURN(const ChosenItem chosen, chosen_item(holder));
  const auto item = Registry<Product>::global().find(chosen.message->GetDescriptor()->full_name());
  if (!item.ok()) return in_field(chosen.field, item.status());
  auto product = (*item)->create(*chosen.message, std::forward<Arguments>(arguments)...);
  if (!product.ok()) return in_field(chosen.field, product.status());
  return product;
}

}  // namespace composer
