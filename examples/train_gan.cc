// Trains a GAN on a ring of Gaussians and prints how far its samples are from the ring.
//
//   ./bazelw run //examples:train_gan

#include <ATen/ATen.h>

#include <iostream>
#include <numbers>

#include "composer/data/batches_loader.h"
#include "composer/optim/adamw.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "examples/gan.h"

namespace composer::examples {
namespace {

// Points near the unit circle, shape [count, 2].
at::Tensor ring(int64_t count) {
  const at::Tensor angle = at::rand({count}) * (2 * std::numbers::pi);
  return at::stack({at::cos(angle), at::sin(angle)}, 1) + at::randn({count, 2}) * 0.05;
}

absl::Status train() {
  seed_everything(17);
  std::vector<Batch> batches;
  for (int i = 0; i < 64; ++i) batches.push_back({{"input", ring(128)}});
  const auto loader = std::make_shared<BatchesLoader>(std::move(batches));

  auto trainer = Trainer::create(
      {.model = std::make_shared<Gan>(/*noise_size=*/8, /*features=*/2, /*hidden=*/64),
       .train = loader,
       .max_duration = "40ep",
       .optimizers = {only("discriminator.", adamw({.lr = 1e-3, .beta1 = 0.5})),
                      only("generator.", adamw({.lr = 1e-3, .beta1 = 0.5}))}});
  if (!trainer.ok()) return trainer.status();
  if (absl::Status status = (*trainer)->fit(); !status.ok()) return status;

  const auto outputs = (*trainer)->predict(*loader, {.subset_num_batches = 8});
  if (!outputs.ok()) return outputs.status();
  at::Tensor distance = at::zeros({});
  for (const Outputs& batch : *outputs) {
    distance += (batch.at("samples").norm(2, {1}) - 1).abs().mean() / 8;
  }
  std::cout << "mean distance of a sample from the ring: " << distance.item<double>() << "\n";
  return absl::OkStatus();
}

}  // namespace
}  // namespace composer::examples

int main() {
  const absl::Status status = composer::examples::train();
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
