#include "composer/cli/catalogue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/suggest.h"
#include "composer/core/registries.h"
#include "composer/data/registry.h"
#include "proto/run.pb.h"

namespace composer {
namespace {

template <typename Product, typename Holder>
CatalogueKind kind_of(std::string usage) {
  const std::string name(RegistryTraits<Product>::kind());
  return {.name = name,
          .plural = name + "s",
          .usage = std::move(usage),
          .holder = Holder::descriptor(),
          .registered = [] { return Registry<Product>::global().names(); }};
}

// The field of the holder's oneof that has this message; null for a plugin's.
const google::protobuf::FieldDescriptor* member_of(const google::protobuf::Descriptor* holder,
                                                   absl::string_view message) {
  for (int i = 0; i < holder->field_count(); ++i) {
    const auto* field = holder->field(i);
    if (field->message_type() != nullptr && field->message_type()->full_name() == message) {
      return field;
    }
  }
  return nullptr;
}

}  // namespace

const std::vector<CatalogueKind>& catalogue_kinds() {
  static const auto* const kinds = new std::vector<CatalogueKind>{
      kind_of<Algorithm, config::Algorithm>("algorithms { $0 }"),
      kind_of<ComposerModel, config::Model>("model { $0 }"),
      kind_of<Dataset, config::Dataset>("train { dataset { $0 } batch_size: 128 }"),
      kind_of<Optimizer, config::Optimizer>("optimizer { $0 }"),
      kind_of<Scheduler, config::Scheduler>("schedulers { $0 }"),
      kind_of<Callback, config::Callback>("callbacks { $0 }"),
      kind_of<LoggerDestination, config::Logger>("loggers { $0 }"),
  };
  return *kinds;
}

std::vector<CatalogueItem> catalogue_items(const CatalogueKind& kind) {
  std::vector<std::pair<int, CatalogueItem>> numbered;
  for (const std::string& message : kind.registered()) {
    const auto* field = member_of(kind.holder, message);
    const auto* config =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(message);
    numbered.push_back({field == nullptr ? kind.holder->field_count() : field->index(),
                        {&kind, field == nullptr ? message : field->name(), config}});
  }
  std::stable_sort(numbered.begin(), numbered.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<CatalogueItem> items;
  for (auto& [number, item] : numbered) items.push_back(std::move(item));
  return items;
}

absl::StatusOr<CatalogueItem> find_item(absl::string_view name) {
  std::vector<std::string> names;
  for (const CatalogueKind& kind : catalogue_kinds()) {
    for (CatalogueItem& item : catalogue_items(kind)) {
      for (const std::string& known : {item.name, item.config->name(), item.config->full_name()}) {
        if (absl::EqualsIgnoreCase(known, name)) return std::move(item);
      }
      names.push_back(item.name);
    }
  }
  const std::string near = nearest(name, names);
  return absl::NotFoundError(absl::StrCat("nothing is called \"", name, "\"; ",
                                          near.empty()
                                              ? "`composer list` prints what there is"
                                              : absl::StrCat("did you mean \"", near, "\"?")));
}

}  // namespace composer
