#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/registry.h"
#include "composer/data/transforms/image_transform.h"
#include "google/protobuf/message.h"

namespace composer {

/// What a config can name as a transform: `COMPOSER_REGISTER(ImageTransform, RandomCrop)`.
template <>
struct RegistryTraits<ImageTransform> {
  static absl::string_view kind() { return "transform"; }
  using Factory = std::function<absl::StatusOr<std::shared_ptr<ImageTransform>>(
      const google::protobuf::Message&)>;
};

}  // namespace composer
