#include "composer/data/sources/fashion_mnist.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

constexpr int64_t kSide = 28;
constexpr int kClasses = 10;

std::string hint(const std::string& dir) {
  if (dir != config::FashionMnist::default_instance().dir()) return "";
  return "; Debian's package dataset-fashion-mnist brings it: apt-get install "
         "dataset-fashion-mnist";
}

}  // namespace

absl::StatusOr<std::shared_ptr<FashionMnist>> FashionMnist::create(const Config& config) {
  COMPOSER_RETURN_IF_ERROR(check(config.mean(), config.std()));
  const bool train = config.split() == config::TRAIN;
  COMPOSER_ASSIGN_OR_RETURN(Files files, read(config.dir(), train, kClasses, hint(config.dir())));
  if (files.height != kSide || files.width != kSide) {
    return field_error("dir",
                       absl::StrCat(files.images_path, ": expected images of 28x28 pixels, found ",
                                    files.height, "x", files.width));
  }
  return std::shared_ptr<FashionMnist>(
      new FashionMnist(train ? "fashion_mnist (train)" : "fashion_mnist (test)", std::move(files),
                       config.mean(), config.std()));
}

COMPOSER_REGISTER(Dataset, FashionMnist);

}  // namespace composer
