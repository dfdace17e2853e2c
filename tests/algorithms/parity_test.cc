// Whole runs with one method or several, compared with Composer's own trainer.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "algorithms/blurpool.h"
#include "algorithms/cutmix.h"
#include "algorithms/ema.h"
#include "algorithms/ghost_batch_norm.h"
#include "algorithms/label_smoothing.h"
#include "algorithms/mixup.h"
#include "algorithms/sam.h"
#include "algorithms/selective_backprop.h"
#include "algorithms/swa.h"
#include "tests/algorithms/parity_net.h"

namespace composer {
namespace {

using testing::expect_composers_losses;
using testing::run_golden;

// One row after the other of what a golden run drew.
class Draws {
 public:
  explicit Draws(const std::string& name) : rows_(run_golden(name)) {}
  at::Tensor next() {
    TORCH_CHECK_INDEX(next_ < rows_.size(0), "more is drawn than in the golden run");
    return rows_[next_++];
  }

 private:
  const at::Tensor rows_;
  int64_t next_ = 0;
};

class ReplayedMixUp final : public MixUp {
 public:
  ReplayedMixUp(const std::string& run, MixUpOptions options)
      : MixUp(std::move(options)),
        weights_(run + "/weights"),
        permutations_(run + "/permutations") {}

 private:
  MixUpDraw draw(int64_t samples, const at::Generator& generator) override {
    return {.permutation = permutations_.next().narrow(0, 0, samples),
            .weight = weights_.next().item<double>()};
  }

  Draws weights_, permutations_;
};

class ReplayedCutMix final : public CutMix {
 public:
  ReplayedCutMix(const std::string& run, CutMixOptions options)
      : CutMix(std::move(options)), boxes_(run + "/boxes"), permutations_(run + "/permutations") {}

 private:
  CutMixDraw draw(int64_t samples, ImageSize image, const at::Generator& generator) override {
    const at::Tensor sides = boxes_.next();
    const auto side = [&](int64_t i) { return sides[i].item<int64_t>(); };
    return {.permutation = permutations_.next().narrow(0, 0, samples),
            .box = {.top = side(0), .left = side(1), .bottom = side(2), .right = side(3)}};
  }

  Draws boxes_, permutations_;
};

class ReplayedSelectiveBackprop final : public SelectiveBackprop {
 public:
  ReplayedSelectiveBackprop(const std::string& run, SelectiveBackpropOptions options)
      : SelectiveBackprop(std::move(options)), ranks_(run + "/ranks") {}

 private:
  at::Tensor draw(int64_t samples, const at::Generator& generator) override {
    return ranks_.next();
  }

  Draws ranks_;
};

template <typename Method, typename... Arguments>
void expect_composers_run(const std::string& name, Arguments&&... arguments) {
  std::vector<std::unique_ptr<Algorithm>> algorithms;
  algorithms.push_back(std::make_unique<Method>(std::forward<Arguments>(arguments)...));
  expect_composers_losses(name, std::move(algorithms));
}

TEST(Parity, WithoutAMethod) { expect_composers_losses("plain", {}); }

TEST(Parity, LabelSmoothing) { expect_composers_run<LabelSmoothing>("label_smoothing", 0.1); }

TEST(Parity, MixUp) {
  expect_composers_run<ReplayedMixUp>("mixup", "mixup", MixUpOptions());
  expect_composers_run<ReplayedMixUp>("mixup_loss", "mixup_loss",
                                      MixUpOptions{.interpolate_loss = true});
}

TEST(Parity, MixUpDrawsForEachMicrobatch) {
  std::vector<std::unique_ptr<Algorithm>> algorithms;
  algorithms.push_back(std::make_unique<ReplayedMixUp>("mixup_microbatches", MixUpOptions()));
  expect_composers_losses("mixup_microbatches", std::move(algorithms), /*microbatch=*/4);
}

TEST(Parity, LabelSmoothingOfMixedTargets) {
  std::vector<std::unique_ptr<Algorithm>> algorithms;
  algorithms.push_back(std::make_unique<ReplayedMixUp>("mixup_smoothed", MixUpOptions()));
  algorithms.push_back(std::make_unique<LabelSmoothing>(0.1));
  expect_composers_losses("mixup_smoothed", std::move(algorithms));
}

TEST(Parity, CutMix) {
  expect_composers_run<ReplayedCutMix>("cutmix", "cutmix", CutMixOptions());
  expect_composers_run<ReplayedCutMix>("cutmix_loss", "cutmix_loss",
                                       CutMixOptions{.interpolate_loss = true});
  expect_composers_run<ReplayedCutMix>("cutmix_uniform", "cutmix_uniform", CutMixOptions());
}

TEST(Parity, Ema) {
  expect_composers_run<Ema>("ema_half_life", EmaOptions{.half_life = Time::batches(4)});
  expect_composers_run<Ema>("ema_epochs", EmaOptions{.half_life = Time::epochs(1)});
  expect_composers_run<Ema>("ema_smoothing",
                            EmaOptions{.smoothing = 0.8, .update_interval = Time::batches(2)});
}

TEST(Parity, Sam) {
  expect_composers_run<Sam>("sam", SamOptions{.rho = 0.05});
  expect_composers_run<Sam>("sam_interval", SamOptions{.rho = 0.1, .interval = 2});
}

TEST(Parity, Swa) {
  expect_composers_run<Swa>("swa", SwaOptions{.swa_start = Time::duration(0.3),
                                              .swa_end = Time::duration(0.8),
                                              .update_interval = Time::batches(2)});
  expect_composers_run<Swa>("swa_epochs", SwaOptions{.swa_start = Time::epochs(1),
                                                     .swa_end = Time::epochs(3),
                                                     .update_interval = Time::epochs(1)});
}

TEST(Parity, SelectiveBackprop) {
  expect_composers_run<ReplayedSelectiveBackprop>(
      "selective_backprop", "selective_backprop",
      SelectiveBackpropOptions{.start = 0.2, .end = 0.9, .keep = 0.5});
  expect_composers_run<ReplayedSelectiveBackprop>(
      "selective_backprop_small", "selective_backprop_small",
      SelectiveBackpropOptions{
          .start = 0, .end = 1, .keep = 0.7, .scale_factor = 0.5, .interrupt = 3});
}

TEST(Parity, GhostBatchNorm) {
  expect_composers_run<GhostBatchNorm>("ghost_batch_norm", 5, /*must_match=*/true);
  expect_composers_run<GhostBatchNorm>("ghost_batch_norm_uneven", 4, /*must_match=*/true);
}

TEST(Parity, BlurPool) {
  expect_composers_run<BlurPool>("blurpool", BlurPoolOptions{.min_channels = 8});
  expect_composers_run<BlurPool>("blurpool_after",
                                 BlurPoolOptions{.blur_first = false, .min_channels = 8});
  expect_composers_run<BlurPool>("blurpool_pools", BlurPoolOptions{.replace_convs = false});
}

TEST(Parity, SixMethodsTogether) {
  std::vector<std::unique_ptr<Algorithm>> algorithms;
  algorithms.push_back(std::make_unique<ReplayedSelectiveBackprop>(
      "together", SelectiveBackpropOptions{.start = 0.3, .end = 0.8, .keep = 0.7}));
  algorithms.push_back(std::make_unique<ReplayedCutMix>("together", CutMixOptions()));
  algorithms.push_back(std::make_unique<LabelSmoothing>(0.1));
  algorithms.push_back(std::make_unique<BlurPool>(BlurPoolOptions{.min_channels = 8}));
  algorithms.push_back(std::make_unique<GhostBatchNorm>(5));
  algorithms.push_back(std::make_unique<Ema>(EmaOptions{.half_life = Time::batches(4)}));
  expect_composers_losses("together", std::move(algorithms));
}

}  // namespace
}  // namespace composer
