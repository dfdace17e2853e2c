#include "composer/data/transforms/from_config.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/data/image_dataset.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<const BatchMaker>> build_image_batch_maker(
    std::shared_ptr<const Dataset> dataset,
    const google::protobuf::RepeatedPtrField<config::Transform>& transforms,
    const ImageBatchOptions& options) {
  auto images = std::dynamic_pointer_cast<const ImageDataset>(dataset);
  if (images == nullptr) {
    return field_error(transforms.empty() ? "channels_last" : "transforms",
                       absl::StrCat("transforms and channels_last are for datasets of images; ",
                                    dataset->name(), " is none"));
  }
  std::vector<std::shared_ptr<const ImageTransform>> built;
  for (int i = 0; i < transforms.size(); ++i) {
    absl::StatusOr<std::shared_ptr<ImageTransform>> transform =
        build_chosen<ImageTransform>(transforms[i]);
    if (!transform.ok()) return in_field(absl::StrCat("transforms[", i, "]"), transform.status());
    built.push_back(*std::move(transform));
  }
  return ImageBatchMaker::create(std::move(images), built, options);
}

}  // namespace composer
