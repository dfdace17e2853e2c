#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/batch_maker.h"
#include "composer/data/dataset.h"
#include "composer/data/transforms/image_batch_maker.h"
#include "google/protobuf/repeated_field.h"

namespace composer {

namespace config {
class Transform;
}

/// The images of `dataset` through the transforms that a loader's config lists. InvalidArgument
/// when the dataset is not one of images; other errors carry a field path relative to the loader's
/// config: "transforms[2].random_crop.size".
absl::StatusOr<std::shared_ptr<const BatchMaker>> build_image_batch_maker(
    std::shared_ptr<const Dataset> dataset,
    const google::protobuf::RepeatedPtrField<config::Transform>& transforms,
    const ImageBatchOptions& options);

}  // namespace composer
