#include "composer/data/sources/cifar10.h"

#include <string>
#include <utility>

#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/sources/channel_statistics.h"
#include "proto/dataset.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<Cifar10>> Cifar10::create(const Config& config) {
  const bool train = config.split() == config::TRAIN;
  COMPOSER_ASSIGN_OR_RETURN(
      ChannelStatistics statistics,
      read_channel_statistics(config.mean(), config.std(), 3,
                              {{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}}));
  Layout layout = {.folder = "cifar-10-batches-bin",
                   .files = {"test_batch.bin"},
                   .python_file = "data_batch_1",
                   .labels = {{"label", 10}},
                   .records = train ? 50'000 : 10'000};
  if (train) {
    layout.files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                    "data_batch_5.bin"};
  }
  const std::string name = train ? "cifar10 (train)" : "cifar10 (test)";
  COMPOSER_ASSIGN_OR_RETURN(CifarImages images, read(config.dir(), name, layout));
  return std::shared_ptr<Cifar10>(new Cifar10(name, std::move(images), std::move(statistics)));
}

COMPOSER_REGISTER(Dataset, Cifar10);

}  // namespace composer
