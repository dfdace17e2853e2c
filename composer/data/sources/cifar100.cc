#include "composer/data/sources/cifar100.h"

#include <string>
#include <utility>

#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/sources/channel_statistics.h"
#include "proto/dataset.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<Cifar100>> Cifar100::create(const Config& config) {
  const bool train = config.split() == config::TRAIN;
  COMPOSER_ASSIGN_OR_RETURN(
      ChannelStatistics statistics,
      read_channel_statistics(config.mean(), config.std(), 3,
                              {{0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}}));
  const Layout layout = {.folder = "cifar-100-binary",
                         .files = {train ? "train.bin" : "test.bin"},
                         .python_file = train ? "train" : "test",
                         .labels = {{"coarse label", 20}, {"fine label", 100}},
                         .kept_label = config.labels() == Config::COARSE ? 0u : 1u,
                         .records = train ? 50'000 : 10'000};
  const std::string name = train ? "cifar100 (train)" : "cifar100 (test)";
  COMPOSER_ASSIGN_OR_RETURN(CifarImages images, read(config.dir(), name, layout));
  return std::shared_ptr<Cifar100>(new Cifar100(name, std::move(images), std::move(statistics)));
}

COMPOSER_REGISTER(Dataset, Cifar100);

}  // namespace composer
