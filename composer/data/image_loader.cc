#include "composer/data/image_loader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/core/data_loader.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

absl::Status add_transform(DataLoader& loader, std::shared_ptr<const ByteTransform> transform) {
  if (auto* images = dynamic_cast<ImageLoader*>(&loader)) {
    return images->add_transform(std::move(transform));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(transform->name(), " works on the bytes of images, and this loader's batches ",
                   "are made already; expected a MapDataLoader of an ImageDataset"));
}

}  // namespace composer
