#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "composer/core/data_loader.h"
#include "composer/data/image_loader.h"

namespace composer {

/// The batches of another loader on an accelerator, each on its way while the one before it is
/// worked on: copied from page-locked memory on a stream of its own, which the present stream waits
/// for. Tensors that are not in the host's memory stay where they are. On the CPU, batches are
/// taken one ahead all the same, but nothing is copied.
///
/// The state, and the count of skipped samples, are those of the batch that was given last, not of
/// the one that is on its way.
class DeviceLoader final : public DataLoader, public ImageLoader {
 public:
  DeviceLoader(std::shared_ptr<DataLoader> loader, at::Device device);

  int64_t batch_size() const override { return loader_->batch_size(); }
  std::optional<int64_t> batches_per_epoch() const override { return loader_->batches_per_epoch(); }
  void seek(int64_t epoch, int64_t batch) override;
  /// What the other loader throws comes at its batch.
  std::optional<Batch> next() override;

  std::optional<std::vector<int64_t>> indices(int64_t epoch, int64_t batch) const override {
    return loader_->indices(epoch, batch);
  }

  int64_t skipped_samples() const override;
  std::optional<std::string> learnt() const override { return loader_->learnt(); }
  void set_stop_waiting(std::function<bool()> stop) override {
    loader_->set_stop_waiting(std::move(stop));
  }
  absl::Status add_transform(std::shared_ptr<const ByteTransform> transform) override;
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  // What `next` gives next: a batch, the end, or an error.
  struct Staged {
    std::optional<Batch> batch = std::nullopt;
    std::exception_ptr error = nullptr;
    // Where the copies are done.
    std::optional<c10::Event> copied = std::nullopt;
  };
  struct Given {
    StateDict state;
    int64_t skipped_samples;
  };

  Staged stage();
  void copy(Staged& staged);
  void wait_for(const Staged& staged) const;

  const std::shared_ptr<DataLoader> loader_;
  at::Device device_;
  std::optional<c10::Stream> stream_;
  int64_t epoch_ = 0;
  int64_t batch_ = 0;
  std::optional<Staged> staged_;
  // Unset before the first batch.
  std::optional<Given> given_;
};

/// A DeviceLoader for an accelerator; `loader` itself for the CPU, and null for null.
std::shared_ptr<DataLoader> on_device(std::shared_ptr<DataLoader> loader, at::Device device);

}  // namespace composer
