#include "examples/gan.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"

namespace composer::examples {
namespace {

// Gives the same four points again and again.
class Points final : public DataLoader {
 public:
  int64_t batch_size() const override { return 4; }
  std::optional<int64_t> batches_per_epoch() const override { return 1; }
  void seek(int64_t epoch, int64_t batch) override { given_ = batch > 0; }
  std::optional<Batch> next() override {
    if (std::exchange(given_, true)) return {};
    return Batch{{"input", at::eye(4, 2)}};
  }

 private:
  bool given_ = false;
};

TEST(Gan, EachOptimizerMovesItsOwnPart) {
  for (const bool train_generator : {false, true}) {
    seed_everything(1);
    const auto model = std::make_shared<Gan>(3, 2, 8);
    const double generator_lr = train_generator ? 0.1 : 0.0;
    auto trainer = Trainer::create({.model = model,
                                    .train = std::make_shared<Points>(),
                                    .max_duration = "3ep",
                                    .optimizers = {only("discriminator.", sgd({.lr = 0.1})),
                                                   only("generator.", sgd({.lr = generator_lr}))}});
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    std::map<std::string, at::Tensor> before;
    for (const auto& parameter : model->named_parameters()) {
      before[parameter.key()] = parameter.value().detach().clone();
    }
    const absl::Status status = (*trainer)->fit();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ((*trainer)->state().timestamp.batch, 3);
    for (const auto& parameter : model->named_parameters()) {
      const bool moved = !at::equal(before[parameter.key()], parameter.value());
      const bool generator = parameter.key().rfind("generator.", 0) == 0;
      EXPECT_EQ(moved, !generator || train_generator) << parameter.key();
    }
  }
}

TEST(Gan, OptimizersOfOverlappingPartsAreRefused) {
  const auto trainer =
      Trainer::create({.model = std::make_shared<Gan>(3, 2, 8),
                       .optimizers = {only("discriminator.", sgd({.lr = 0.1})), sgd({.lr = 0.1})}});
  EXPECT_EQ(trainer.status().message(),
            "parameter \"discriminator.0.weight\" belongs to optimizers 0 and 1");
}

}  // namespace
}  // namespace composer::examples
