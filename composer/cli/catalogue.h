#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace composer {

/// A kind of thing that a config chooses.
struct CatalogueKind {
  /// "algorithm", and "algorithms" where several are meant.
  std::string name;
  std::string plural;
  /// How a config writes one: "algorithms { $0 }", with the item in the place of $0.
  std::string usage;
  /// config.Algorithm, whose oneof names the built-in ones.
  const google::protobuf::Descriptor* holder;
  /// Full names of the registered config messages.
  std::function<std::vector<std::string>()> registered;
};

/// Something that is linked or loaded.
struct CatalogueItem {
  const CatalogueKind* kind;
  /// As a config writes it: "label_smoothing"; the message's full name for a plugin's.
  std::string name;
  const google::protobuf::Descriptor* config;
};

/// Every kind, in the order in which they are listed.
const std::vector<CatalogueKind>& catalogue_kinds();

/// What is registered of one kind: the built-in ones in the schema's order, then the plugins'.
std::vector<CatalogueItem> catalogue_items(const CatalogueKind& kind);

/// The item called `name`: as a config writes it, by its message's short name ("LabelSmoothing") or
/// full one, in any case. NotFound suggests the nearest.
absl::StatusOr<CatalogueItem> find_item(absl::string_view name);

}  // namespace composer
