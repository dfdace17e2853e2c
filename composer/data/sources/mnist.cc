#include "composer/data/sources/mnist.h"

#include <utility>

#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

constexpr int kAnyByte = 256;

}  // namespace

absl::StatusOr<std::shared_ptr<Mnist>> Mnist::create(const Config& config) {
  COMPOSER_RETURN_IF_ERROR(check(config.mean(), config.std()));
  const bool train = config.split() == config::TRAIN;
  COMPOSER_ASSIGN_OR_RETURN(Files files, read(config.dir(), train, kAnyByte, ""));
  return std::shared_ptr<Mnist>(new Mnist(train ? "mnist (train)" : "mnist (test)",
                                          std::move(files), config.mean(), config.std()));
}

COMPOSER_REGISTER(Dataset, Mnist);

}  // namespace composer
