#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "google/protobuf/message.h"

namespace composer {

/// One kind of thing that configs choose by message: algorithms, models, datasets, ... An item's
/// key is the full name of its config message, so that built-in items and those of a loaded
/// library are found in the same way.
///
/// A kind specialises `RegistryTraits<Product>` with
///   `static absl::string_view kind()`      "algorithm", for messages;
///   `using Factory = std::function<...>`   which takes the config message first.
template <typename Product>
struct RegistryTraits;

template <typename Product>
class Registry {
 public:
  using Factory = typename RegistryTraits<Product>::Factory;

  struct Item {
    Factory create;
    const google::protobuf::Descriptor* config;
    std::string file;
  };

  /// The process's registry of this kind.
  static Registry& global() {
    static Registry* const registry = new Registry;  // never destroyed: used by static registrars
    return *registry;
  }

  /// Two items under one key are a bug of the build: ends the process and names both files.
  void add(const google::protobuf::Descriptor* config, absl::string_view file, Factory create) {
    const auto [position, added] =
        items_.try_emplace(config->full_name(), Item{std::move(create), config, std::string(file)});
    CHECK(added) << RegistryTraits<Product>::kind() << " " << config->full_name()
                 << " is registered by both " << position->second.file << " and " << file;
  }

  /// The item for a config message's full name, or its short one ("MLPEncoder"). NotFound lists
  /// the known names.
  absl::StatusOr<const Item*> find(absl::string_view name) const {
    for (const auto& [key, item] : items_) {
      if (key == name || item.config->name() == name) return &item;
    }
    return absl::NotFoundError(absl::StrCat(
        "no ", RegistryTraits<Product>::kind(), " is registered for ", name, "; known are ",
        absl::StrJoin(names(), ", "), ". Link its library (alwayslink) or load it with --plugin"));
  }

  /// Full names of the config messages, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [key, item] : items_) result.push_back(key);
    return result;
  }

 private:
  std::map<std::string, Item> items_;
};

/// Registers `Item::create(const Item::Config&, ...)`, a function that returns
/// `absl::StatusOr<pointer to Product>`, under the name of `Item::Config`.
template <typename Product, typename Item>
struct Registrar {
  explicit Registrar(absl::string_view file) {
    using Config = typename Item::Config;
    Registry<Product>::global().add(
        Config::descriptor(), file,
        [](const google::protobuf::Message& config, auto&&... arguments) {
          return Item::create(static_cast<const Config&>(config),
                              std::forward<decltype(arguments)>(arguments)...);
        });
  }
};

}  // namespace composer

/// Stands in the item's .cc; its library needs `alwayslink`.
#define COMPOSER_REGISTER(Product, Item)                                                  \
  static const ::composer::Registrar<Product, Item> COMPOSER_CONCAT_(composer_registrar_, \
                                                                     __LINE__)(__FILE__)
