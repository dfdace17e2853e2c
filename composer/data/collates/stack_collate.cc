#include "composer/data/collates/stack_collate.h"

#include "composer/data/registry.h"
#include "proto/data.pb.h"

namespace composer {

absl::StatusOr<std::unique_ptr<StackCollate>> StackCollate::create(const Config&) {
  return std::make_unique<StackCollate>();
}

Batch StackCollate::operator()(absl::Span<const TensorDict> samples) const {
  return collate(samples);
}

COMPOSER_REGISTER(Collate, StackCollate);

}  // namespace composer
